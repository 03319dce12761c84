// What both tables say about themselves: date, machine, versions, command.

import { readFile } from 'node:fs/promises'
import { cpus, release, totalmem, type } from 'node:os'
import { basename } from 'node:path'

export async function versionOf(name) {
  const manifest = new URL(`./node_modules/${name}/package.json`, import.meta.url)
  return JSON.parse(await readFile(manifest, 'utf8')).version.replace(/^v/, '')
}

/** One paragraph over a table: a number without it says nothing. */
export function environment(...tools) {
  const processor =
    cpus()[0]
      ?.model.replace(/ \d+-Core Processor/, '')
      .trim() ?? 'unknown processor'
  const machine = `${processor}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`
  const command = `node ${basename(process.argv[1])} ${process.argv.slice(2).join(' ')}`.trim()
  return `Measured on ${new Date().toISOString().slice(0, 10)} by \`${command}\`: ${machine}; Node ${process.versions.node}, ${tools.join(', ')}.`
}

/** Markdown; columns are `[heading, cell of a row]`, and a heading that ends in `>` is aligned right. */
export function table(columns, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [
    line(columns.map(([heading]) => heading.replace(/>$/, ''))),
    line(columns.map(([heading]) => (heading.endsWith('>') ? '--:' : '---'))),
    ...rows.map((row) => line(columns.map(([, cell]) => cell(row)))),
  ].join('\n')
}
