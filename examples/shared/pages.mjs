// The files of a single-page app. Whatever is no file is one of the app's own pages.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { extname, join, normalize } from 'node:path'

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

/** @param {string} folder */
export const servePages = (folder) => (request, response) => {
  const { pathname } = new URL(request.url, 'http://pages')
  const wanted = join(folder, normalize(decodeURIComponent(pathname)))
  const file =
    wanted.startsWith(folder) && existsSync(wanted) && statSync(wanted).isFile() ? wanted : join(folder, 'index.html')
  const forever = pathname.startsWith('/assets/')
  response.writeHead(200, {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    'cache-control': forever ? 'public, max-age=31536000, immutable' : 'no-cache',
  })
  response.end(readFileSync(file))
}
