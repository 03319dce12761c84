//! Where one WebSocket frame ends and the next begins (RFC 6455 §5.2), so that a last one can be put between.
//!
//! Only lengths are read; what stands in the frames is nobody's business here.

/// A reader of frame heads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frames {
    head: Vec<u8>,
    /// What is left of the frame's payload.
    left: u64,
}

impl Frames {
    /// Reads on. Answers how many of these bytes stand before the end of the last frame that ends in them.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let (mut at, mut end) = (0, None);
        while at < bytes.len() {
            if self.left > 0 {
                let step = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - at);
                at += step;
                self.left -= step as u64;
            } else {
                self.head.push(bytes[at]);
                at += 1;
                match payload(&self.head) {
                    None => continue,
                    Some(length) => {
                        self.head.clear();
                        self.left = length;
                    }
                }
            }
            if self.left == 0 {
                end = Some(at);
            }
        }
        end
    }

    /// Whether a frame may begin now.
    pub(crate) const fn is_between(&self) -> bool {
        self.left == 0 && self.head.is_empty()
    }
}

/// The length of the payload, once the head is whole.
fn payload(head: &[u8]) -> Option<u64> {
    let [_, second, rest @ ..] = head else { return None };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (extended, length) = match second & 0x7f {
        126 => (2, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (8, u64::from_be_bytes(*rest.first_chunk()?)),
        short => (0, u64::from(short)),
    };
    (rest.len() == extended + mask).then_some(length)
}

/// A frame that closes with 4401 (RFC 6455 §5.5.1, §7.4.2), as a server sends it.
pub(crate) fn session_is_over() -> Vec<u8> {
    const CODE: u16 = 4401;
    const REASON: &[u8] = b"session_ended";
    let mut frame = vec![0x88, u8::try_from(2 + REASON.len()).unwrap_or(2)];
    frame.extend_from_slice(&CODE.to_be_bytes());
    frame.extend_from_slice(REASON);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: usize) -> Vec<u8> {
        let mut frame = vec![0x82];
        match u16::try_from(length) {
            Ok(short) if short < 126 => frame.push(u8::try_from(short).expect("it is short")),
            Ok(medium) => {
                frame.push(126);
                frame.extend_from_slice(&medium.to_be_bytes());
            }
            Err(_) => {
                frame.push(127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.resize(frame.len() + length, 7);
        frame
    }

    #[test]
    fn ends_of_frames_are_found_however_the_bytes_arrive() {
        let lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 3];
        let bytes: Vec<u8> = lengths.into_iter().flat_map(frame).collect();
        let ends: Vec<usize> = lengths
            .iter()
            .scan(0, |at, length| {
                *at += frame(*length).len();
                Some(*at)
            })
            .collect();
        for piece in [1, 2, 3, 7, 1000, 65_537, bytes.len()] {
            let (mut frames, mut found, mut at) = (Frames::default(), Vec::new(), 0);
            for part in bytes.chunks(piece) {
                if let Some(end) = frames.read(part) {
                    found.push(at + end);
                }
                at += part.len();
                assert_eq!(frames.is_between(), ends.contains(&at), "{piece} {at}");
            }
            assert!(found.iter().all(|end| ends.contains(end)), "{piece}");
            assert_eq!(found.last(), Some(&bytes.len()));
        }
    }

    #[test]
    fn a_masked_frame_has_four_bytes_more() {
        let mut frames = Frames::default();
        assert_eq!(frames.read(&[0x81, 0x82, 1, 2, 3, 4, 9, 9]), Some(8));
        assert!(frames.is_between());
    }

    #[test]
    fn the_last_frame_says_4401() {
        let frame = session_is_over();
        assert_eq!(&frame[..4], &[0x88, 15, 0x11, 0x31]);
        assert_eq!(Frames::default().read(&frame), Some(frame.len()));
    }
}
