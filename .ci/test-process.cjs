// What the process of each test file does before all else (`node-arg` of .taprc), so that a run is shorter.
'use strict'
const { enableCompileCache } = require('node:module')
const { join } = require('node:path')

// tap has each process, and each that it starts, sidecars too, tell which files it loads, for `tap --changed`, which
// nobody uses: it reads the source map of every module for that, most of a second each. No file is told of that this
// matches, and what tests start runs as it does elsewhere.
process.env._TAPJS_PROCESSINFO_EXCLUDE_ = '/^/'
const { NODE_OPTIONS = '' } = process.env
process.env.NODE_OPTIONS = NODE_OPTIONS.replace(/"?--import=[^"\s]*@tapjs\/processinfo[^"\s]*"?/g, '')

// Hundreds of processes compile the same modules.
const cache = join(__dirname, '..', '.cache', 'compiled')
enableCompileCache(cache)
process.env.NODE_COMPILE_CACHE ??= cache
