//! The machine against `conformance/machine`, and against what `protocol::client` made of thousands of random histories.
//!
//! `cargo xtask sdk` writes those (`crates/client/tests/machine.rs`). What holds for one machine in a world of tabs and
//! late answers (`crates/protocol/src/client/tests.rs`) therefore holds for this one, and is not tested twice.

import assert from 'node:assert/strict'
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { type Input, type Machine, type Order, start, step } from '../src/core/machine.ts'

const TRANSCRIPTS = new URL('../../conformance/machine/', import.meta.url)
const HISTORIES = new URL('../../target/conformance/machine.jsonl', import.meta.url)

interface History {
  transport: 'cookie' | 'bearer'
  steps: { now: number; input: Input; orders: Order[]; machine?: Partial<Machine> }[]
}

for (const file of readdirSync(TRANSCRIPTS)) {
  const { about, transport, steps }: History & { about: string } = JSON.parse(
    readFileSync(new URL(file, TRANSCRIPTS), 'utf8'),
  )
  test(about, () => {
    let machine = start(transport)
    for (const { now, input, orders, machine: expected = {} } of steps) {
      const [next, ordered] = step(machine, input, now)
      machine = next
      assert.deepEqual(ordered, orders, JSON.stringify(input))
      for (const [name, value] of Object.entries(expected))
        assert.deepEqual(machine[name as keyof Machine], value, `${name} after ${JSON.stringify(input)}`)
    }
  })
}

const missing = existsSync(HISTORIES) ? false : '`cargo xtask sdk` writes the histories'

test('both machines make the same of thousands of random histories', { skip: missing }, async () => {
  let count = 0
  for await (const line of createInterface({ input: createReadStream(HISTORIES) })) {
    const { transport, steps }: History = JSON.parse(line)
    let machine = start(transport)
    const taken = steps.map(({ now, input }) => {
      const [next, orders] = step(machine, input, now)
      machine = next
      return { now, input, orders, machine }
    })
    const found = JSON.stringify({ transport, steps: taken })
    if (found !== line) assert.deepEqual({ transport, steps: taken }, { transport, steps }, `history ${count}`)
    assert.equal(found, line, `history ${count}`)
    count += 1
  }
  assert.equal(count, 10_000)
})
