// Everything that a fresh clone needs before its first command: npm packages (Node 26 among them), generated
// codecs, the test runner's plugins and, with --packages, Debian's network tools. Plain JavaScript, because it
// runs on whatever Node the machine has. Does nothing, quickly, when nothing is missing.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const flags = new Set(process.argv.slice(2))
if (flags.has('--help')) {
  console.log('usage: npm run setup [-- --packages [--browser]] [--quiet]')
  console.log('  --packages  also install the Debian packages that the one-machine mesh needs (as root)')
  console.log('  --browser   and Chromium, which the dashboard is tested in')
  console.log('  --quiet     say nothing when nothing is missing')
  process.exit(0)
}
const started = Date.now()
let worked = false

// What is installed depends on these alone, not on the scripts.
const { dependencies, devDependencies, optionalDependencies } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)
const lock = createHash('sha256')
  .update(JSON.stringify([dependencies, devDependencies, optionalDependencies]))
  .digest('hex')
const stamp = join(root, 'node_modules', '.weft-installed')
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  step('installing npm packages (Node 26 among them)')
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'])
  // One package of optionalDependencies holds it for this machine; npm passes over the others by itself.
  if (!existsSync(join(root, 'node_modules', '.bin', 'node'))) {
    const brought = Object.keys(optionalDependencies).join(', ')
    fail(
      `npm brought no Node 26 for ${process.platform} ${process.arch} (there are ${brought}). ` +
        'If npm leaves out optional packages (omit=optional), allow them and try again.',
    )
  }
  rmSync(stamp, { force: true })
  writeFileSync(stamp, lock)
}
const bin = join(root, 'node_modules', '.bin')
process.env.PATH = `${bin}:${process.env.PATH}`

if (existsSync(join(root, 'core', 'xds', 'generate.ts'))) {
  run(join(bin, 'node'), ['core/xds/generate.ts', '--quiet'])
}
if (existsSync(join(root, 'dashboard', 'build.ts'))) run(join(bin, 'node'), ['dashboard/build.ts', '--quiet'])
const tapReady = join(root, '.tap', '.weft-plugins')
const tapConfig = readFileSync(join(root, '.taprc'), 'utf8')
if (!existsSync(tapReady) || readFileSync(tapReady, 'utf8') !== lock + tapConfig) {
  step('preparing the test runner')
  run(join(bin, 'tap'), ['build'], { stdio: 'ignore' })
  mkdirSync(dirname(tapReady), { recursive: true })
  writeFileSync(tapReady, lock + tapConfig)
}
if (flags.has('--packages')) debianPackages()
if (worked || !flags.has('--quiet')) say(`ready after ${((Date.now() - started) / 1000).toFixed(1)} s`)

function debianPackages() {
  const wanted = {
    ip: 'iproute2',
    iptables: 'iptables',
    tcpdump: 'tcpdump',
    unshare: 'util-linux',
    openssl: 'openssl',
  }
  if (process.getuid() !== 0) wanted.newuidmap = 'uidmap'
  if (flags.has('--browser')) wanted.chromium = 'chromium'
  const path = `${process.env.PATH}:/usr/sbin:/sbin`.split(':')
  const missing = Object.entries(wanted).filter(
    ([program]) => !path.some((dir) => existsSync(join(dir, program))),
  )
  if (missing.length === 0) return
  const names = [...new Set(missing.map(([, name]) => name))]
  const command = `apt-get install -y ${names.join(' ')}`
  if (process.getuid() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) {
    say(`missing: ${missing.map(([program]) => program).join(', ')}. Install them as root: ${command}`)
    return
  }
  step(`installing Debian packages: ${names.join(', ')}`)
  const options = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  const install = ['install', '-y', '--no-install-recommends', ...names]
  if (spawnSync('apt-get', install, options).status === 0) return
  spawnSync('apt-get', ['update'], options)
  if (spawnSync('apt-get', install, options).status !== 0)
    say(`that failed. Try: apt-get update && ${command}`)
}

function step(text) {
  worked = true
  say(text)
}

function say(text) {
  // Standard output belongs to the command that follows (--json).
  console.error(`weft setup: ${text}`)
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options })
  if (result.status !== 0)
    fail(`\`${command} ${args.join(' ')}\` failed (${result.error?.message ?? `exit ${result.status}`})`)
}

function fail(text) {
  say(text)
  process.exit(1)
}
