#!/usr/bin/env node
// What npm links as `weft` and `kubectl-weft`. Plain JavaScript of any Node.js, so that one that is too old is told in a
// sentence: of a clone it runs the sources, of an installed package the bundle.
'use strict'
const { spawn, spawnSync } = require('node:child_process')
const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { pathToFileURL } = require('node:url')

const LEAST = 26
const project = join(__dirname, '..', '..')
const source = join(project, 'cli', 'weft.ts')
const isClone = existsSync(source)
const program = isClone ? source : join(project, 'dist', 'weft', 'main.mjs')
/** The Node.js that the packages of a clone bring. */
const brought = join(project, 'node_modules', '.bin', 'node')

if (isClone && !existsSync(join(project, 'node_modules', '.weft-installed'))) setUp()
if (Number.parseInt(process.versions.node, 10) >= LEAST) void import(pathToFileURL(program).href)
else if (isClone && existsSync(brought)) runBy(brought)
else {
  const other = isClone ? 'run `npm run setup` here, which brings one, or install it' : 'install it'
  process.stderr.write(
    `weft needs Node.js ${LEAST} or newer, and this is ${process.version}: ${other} (https://nodejs.org)\n`,
  )
  process.exitCode = 1
}

/** Once after cloning: packages, Node.js among them, and generated code. It says on standard error what it does. */
function setUp() {
  const { status } = spawnSync(process.execPath, [join(project, 'local', 'setup.mjs'), '--quiet'], {
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) process.exit(1)
}

/** The same by another Node.js: its input, output, signals and exit code are this process's. */
function runBy(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // A terminal's Ctrl-C has reached the child already, and a second one means more than the first.
  const atTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY)
  process.on('SIGINT', () => {
    if (!atTerminal) child.kill('SIGINT')
  })
  child.on('error', (error) => {
    process.stderr.write(`weft: ${node} cannot be run: ${error.message}\n`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code
    else {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    }
  })
}
