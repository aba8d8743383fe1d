import Module from 'module'
import { watchServers } from './incoming.ts'
import { carryByHttp } from './outgoing-http.ts'
import { carryByHttp2 } from './outgoing-http2.ts'
import { carryByUndici } from './outgoing-undici.ts'
import { watchPackages } from './packages.ts'

// `--require`d before an application of a pod that asks for it (weft.dev/stitch-traces): the trace of each request that comes goes on
// with those that are sent for it. Each part for itself: what one Node.js does not have is no reason to leave out the others.
for (const begin of [watchServers, carryByHttp, carryByHttp2, carryByUndici, watchPackages]) {
  try {
    begin()
  } catch {
    // The application goes before.
  }
}
// What `import { request } from 'node:http'` gives was taken when the module was made.
try {
  Module.syncBuiltinESMExports()
} catch {
  // Before Node.js 12.12.
}
