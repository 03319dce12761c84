// Starts one application: npm start vault [-- --port 8080]

import { parseArgs } from 'node:util'
import { applications, start } from './shared/run.mjs'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { port: { type: 'string', default: '8080' } },
})
const [name] = positionals
if (!applications.includes(name)) {
  console.error(`usage: npm start NAME [-- --port PORT]\nnames: ${applications.join(', ')}`)
  process.exit(2)
}

const app = await start(name, { port: Number(values.port), log: 'inherit' }).catch((error) => {
  console.error(error.message)
  process.exit(1)
})
const accounts = app.accounts.map(({ email, password, totp_secret: secret }) => [
  `  log in    ${email.padEnd(22)} ${password}`,
  secret && `            second factor (TOTP)   ${secret}`,
])
console.log(`
  ${name.padEnd(9)} ${app.url}

${accounts.flat().filter(Boolean).join('\n')}

  mailbox   ${app.url}/dev/mailbox
  Ctrl-C ends everything that was started.
`)

const end = () => app.stop().then(() => process.exit())
process.once('SIGINT', end)
process.once('SIGTERM', end)
app.ended.then((code) => process.exit(code ?? 1))
