import { flushCompileCache, getCompileCacheDir } from 'node:module'

/**
 * Writes what was compiled so far to the cache of NODE_COMPILE_CACHE, if there is one. Node.js does so when a process
 * ends in order; one that is killed would leave nothing, and its successor would compile all again. To be called once
 * everything is loaded and serves: it takes some milliseconds.
 */
export function writeCompileCache(): void {
  if (getCompileCacheDir() === undefined) return
  setImmediate(flushCompileCache)
}
