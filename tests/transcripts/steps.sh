# What the transcripts share: requests as a page of the site sends them, with nothing but curl and jq.
# Sourced by the transcripts, which set `url` before.

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
jar=$work/jar
csrf=
access=
step=0

for tool in curl jq python3; do
  command -v "$tool" > /dev/null || { echo "this transcript needs $tool" >&2; exit 2; }
done

# say SENTENCE: the next step.
say() {
  step=$((step + 1))
  printf '\n%d. %s\n' "$step" "$1"
}

# call METHOD PATH [JSON]: sends the jar's cookies and keeps those of the answer. A request that changes
# something carries the anti-CSRF token of the last answer that had one, and every request the access token that
# came in a body.
call() {
  local method=$1 path=$2 body=${3-}
  local arguments=(--silent --show-error --max-time 20 -b "$jar" -c "$jar" -D "$work/head" -o "$work/body" -X "$method")
  if [ "$method" != GET ]; then arguments+=(-H "Origin: $url" -H "X-CSRFToken: $csrf"); fi
  if [ -n "$access" ]; then arguments+=(-H "Authorization: Bearer $access"); fi
  if [ -n "$body" ]; then arguments+=(-H 'Content-Type: application/json' --data "$body"); fi
  : > "$work/body"
  status=$(curl "${arguments[@]}" --write-out '%{http_code}' "$url$path")
  printf '   %s %s -> %s\n' "$method" "$path" "$status"
  show
  local token
  token=$(field '.csrf_token // empty')
  csrf=${token:-$csrf}
  token=$(field '.access | strings')
  access=${token:-$access}
}

# show: what was answered, with the secrets cut short.
show() {
  tr -d '\r' < "$work/head" | sed -nE 's/^set-cookie: *([^=]+)=([^;]{0,6})[^;]*;/     \1=\2...;/Ip'
  [ ! -s "$work/body" ] || jq -c '
    def cut: if type == "string" and length > 6 then .[0:6] + "..." elif type == "array" then map(cut) else . end;
    if type == "object" then with_entries(
      if .key | IN("access", "csrf_token", "secret", "otpauth_uri", "qr_svg", "recovery_codes") then .value |= cut else . end
    ) else . end' "$work/body" | sed 's/^/     /'
}

# field FILTER: something from the last answer's body.
field() {
  if [ -s "$work/body" ]; then jq -r "$1" "$work/body"; fi
}

# expect STATUS [FILTER VALUE]...: the last answer is so, or the transcript ends here.
expect() {
  [ "$status" = "$1" ] || fail "the status is $status, not $1"
  shift
  while [ $# -gt 0 ]; do
    local found
    found=$(field "$1")
    [ "$found" = "$2" ] || fail "$1 is $found, not $2"
    shift 2
  done
}

# expect_cookie NAME: the last answer sets a cookie whose name begins so, and does not clear it.
expect_cookie() {
  grep -i "^set-cookie: $1" "$work/head" | grep -qvi 'max-age=0' || fail "no cookie $1 was set"
}

fail() {
  printf '   WRONG: %s\n' "$1" >&2
  exit 1
}

# mailed_code EMAIL: the code in the newest message to this person; mail leaves after the answer.
mailed_code() {
  local code try
  for try in $(seq 50); do
    code=$(curl --silent --show-error --max-time 5 "$url/dev/mailbox.json" |
      jq -r --arg to "$1" 'map(select(.to == $to and .code)) | first | .code // empty')
    if [ -n "$code" ]; then
      printf '%s' "$code"
      return
    fi
    sleep 0.1
  done
  fail "no code was mailed to $1"
}

# totp SECRET: what an authenticator app shows now (RFC 6238).
totp() {
  python3 - "$1" << 'PYTHON'
import base64, hmac, struct, sys, time
secret = base64.b32decode(sys.argv[1] + "=" * (-len(sys.argv[1]) % 8))
digest = hmac.digest(secret, struct.pack(">Q", int(time.time()) // 30), "sha1")
start = digest[-1] & 15
print("%06d" % ((struct.unpack(">I", digest[start:start + 4])[0] & 0x7FFFFFFF) % 1_000_000))
PYTHON
}

# someone: an address that nobody has used before.
someone() {
  printf 'person-%s-%s@example.com' "$(date +%s)" "$$"
}
