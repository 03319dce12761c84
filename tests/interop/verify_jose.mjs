// Verifies access tokens as a resource server in JavaScript would: with jose and the published keys.
//
// usage: verify_jose.mjs JWKS_URL ISSUER AUDIENCE < tokens, one to a line
//
// Prints `ok kid=...` for each token that is right. Exits with 1 if one is not, or if there is none.
// PERENNIAL_NODE_MODULES names the folder that jose is installed in.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'

const CLAIMS = ['iss', 'aud', 'sub', 'exp', 'iat', 'jti']

const { createRemoteJWKSet, jwtVerify } = await load('jose')
process.exitCode = await main(process.argv.slice(2))

async function main([jwksUrl, issuer, audience, ...rest]) {
  if (!audience || rest.length > 0) return refuse('usage: verify_jose.mjs JWKS_URL ISSUER AUDIENCE < tokens')
  const keys = createRemoteJWKSet(new URL(jwksUrl))
  const rules = { issuer, audience, typ: 'at+jwt', algorithms: ['ES256'], requiredClaims: CLAIMS }
  const tokens = (await text(process.stdin)).split('\n').map((line) => line.trim()).filter(Boolean)
  if (tokens.length === 0) return refuse('no token came in')

  let code = 0
  for (const [index, token] of tokens.entries()) {
    try {
      const { protectedHeader } = await jwtVerify(token, keys, rules)
      console.log(`ok kid=${protectedHeader.kid}`)
    } catch (error) {
      code = refuse(`token ${index + 1}: ${error.code ?? error.name}: ${error.message}`)
    }
  }
  return code
}

function refuse(sentence) {
  console.error(sentence)
  return 1
}

async function load(name) {
  const folder = process.env.PERENNIAL_NODE_MODULES
  if (!folder) return import(name)
  return import(pathToFileURL(createRequire(join(folder, 'any.js')).resolve(name)))
}
