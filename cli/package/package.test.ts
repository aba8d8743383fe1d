import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { findLacks, thisMachine } from '../../local/requirements.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { publishedManifest } from './main.ts'

const PROJECT = join(import.meta.dirname, '../..')
const LAUNCHER = join(PROJECT, 'cli/bin/weft.cjs')

// Not below the project: what the package lacks would be found there.
const work = mkdtempSync(join(tmpdir(), 'weft-package-'))
t.teardown(() => rmSync(work, { recursive: true, force: true }))
const user = join(work, 'user')
const bin = join(work, 'bin')
for (const folder of [user, bin, join(user, 'manifests'), join(user, 'web')]) mkdirSync(folder)
symlinkSync(process.execPath, join(bin, 'node'))

const POD = `apiVersion: v1
kind: Pod
metadata: { name: web }
spec: { containers: [{ name: web }] }
`
const SHOP = `apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { weft.dev/inject: enabled } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: web, command: [sleep, '3600'] }] }
`

const bootstrap = (port: number) => ({
  static_resources: {
    listeners: [
      {
        name: 'here',
        address: { socket_address: { address: '127.0.0.1', port_value: port } },
        filter_chains: [
          {
            filters: [
              {
                name: 'envoy.filters.network.http_connection_manager',
                typed_config: {
                  '@type':
                    'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                  stat_prefix: 'here',
                  route_config: {
                    virtual_hosts: [
                      {
                        name: 'all',
                        domains: ['*'],
                        routes: [{ match: { prefix: '/' }, direct_response: { status: 418 } }],
                      },
                    ],
                  },
                  http_filters: [
                    {
                      name: 'envoy.filters.http.router',
                      typed_config: {
                        '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                      },
                    },
                  ],
                },
              },
            ],
          },
        ],
      },
    ],
  },
})

/** A machine whose Node.js is the one of these tests, and that has none of the project's programs in its PATH. */
const own = join('node_modules', '.bin')
const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes(own))
const env = { ...process.env, PATH: [bin, ...path].join(delimiter), NODE_OPTIONS: '', KUBECONFIG: '' }

const run = (cwd: string, ...argv: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), { cwd, env, encoding: 'utf8' })
  return { status, stdout, stderr }
}

// What runs on is started without npx, which does not pass every signal on.
const program = join(user, 'node_modules/.bin/weft')

/** A copy of the clone, so that its package.json is not changed under other tests. */
function packedCopy(): { readonly tarball: string; readonly manifest: string } {
  const clone = join(work, 'clone')
  mkdirSync(join(clone, '.tap'), { recursive: true })
  const parts = [
    'core',
    'certs',
    'proxy',
    'control-plane',
    'injector',
    'cli',
    'local',
    'dashboard/page',
    'dashboard/build.ts',
  ]
  const files = ['package.json', 'package-lock.json', 'tsconfig.json', '.taprc', 'LICENSE', 'README.md']
  for (const name of [...parts, ...files, '.tap/.weft-plugins'])
    if (existsSync(join(PROJECT, name)))
      cpSync(join(PROJECT, name), join(clone, name), {
        recursive: true,
        filter: (source) => !source.endsWith('.test.ts'),
      })
  symlinkSync(join(PROJECT, 'node_modules'), join(clone, 'node_modules'))
  const { status, stdout, stderr } = run(clone, 'npm', 'pack', '--json')
  if (status !== 0) throw new Error(stderr)
  const [{ filename } = { filename: '' }] = JSON.parse(stdout) as { filename: string }[]
  return { tarball: join(clone, filename), manifest: readFileSync(join(clone, 'package.json'), 'utf8') }
}

const { tarball, manifest } = packedCopy()
writeFileSync(join(user, 'package.json'), '{"private": true}')
const installed = run(user, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball)
const unreachable = /E(NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT)/.test(installed.stderr)
const skip = installed.status !== 0 && unreachable ? 'npm reaches no registry' : false

t.test('packing leaves the clone as it was', (t) => {
  t.equal(manifest, readFileSync(join(PROJECT, 'package.json'), 'utf8'))
  const published = publishedManifest(packageJson, ['dist/man/man1/weft.1'])
  t.strictSame(Object.keys(published.dependencies), ['koffi', 're2js'], 'all else is in the bundle')
  for (const field of ['private', 'scripts', 'devDependencies', 'optionalDependencies'])
    t.notOk(field in published, field)
  t.end()
})

t.test('the installed package runs', { skip }, async (t) => {
  t.match(installed, { status: 0 }, 'npm installs it')
  const version = `weft ${packageJson.version} (Node.js ${process.version}, ${process.platform} ${process.arch})\n`
  t.strictSame(run(user, 'npx', 'weft', '--version'), { status: 0, stdout: version, stderr: '' })
  t.match(run(user, 'npx', 'kubectl-weft', 'check', '-h').stdout, /^Usage: kubectl weft check /)
  t.match(
    run(user, 'npx', 'weft', 'check', '--kubeconfig', '/none').stderr,
    /^weft check: \/none: is no kubeconfig/,
  )
  const pages = join(user, 'node_modules/weft/dist/man/man1')
  for (const page of ['weft.1', 'weft-local.1']) t.ok(existsSync(join(pages, page)), page)

  writeFileSync(join(user, 'pod.yaml'), POD)
  const injected = run(user, 'npx', 'weft', 'inject', '-f', 'pod.yaml')
  t.match(injected, { status: 0, stdout: /name: weft-proxy/ })

  const { proxy, port, said } = await startProxy(t)
  t.match(said, /proxy serving/)
  const answer = await fetch(`http://127.0.0.1:${port}/`)
  t.equal(answer.status, 418)
  await answer.body?.cancel()
  proxy.kill('SIGTERM')
  await once(proxy, 'exit')
})

const lacks = findLacks(thisMachine)
t.test(
  'the installed package runs a mesh on this machine',
  { skip: skip || (lacks.length > 0 && lacks.map(({ message }) => message).join('; ')) },
  async (t) => {
    writeFileSync(join(user, 'manifests/shop.yaml'), SHOP)
    const up = ['local', 'up', '--name', `pack-${process.pid}`, '-f', 'manifests', '--image', 'web=web']
    const mesh = spawn(program, up, { cwd: user, env, stdio: 'pipe' })
    t.teardown(() => mesh.kill())
    let said = ''
    const ended = once(mesh, 'exit')
    await new Promise<void>((resolve) => {
      for (const stream of [mesh.stdout, mesh.stderr])
        stream.on('data', (chunk: Buffer) => {
          said += chunk.toString()
          if (said.includes('ready after')) resolve()
        })
      mesh.on('exit', () => resolve())
    })
    t.match(said, /ready after .*: 3 pods/)
    const named = ['--name', `pack-${process.pid}`]
    t.match(run(user, 'npx', 'weft', 'version', ...named).stdout, `of this machine: ${packageJson.version}`)
    const page = /dashboard: (\S+)/.exec(said)?.[1] ?? ''
    t.match(await (await fetch(page)).text(), '<!doctype html>', 'the dashboard is in the package')
    t.equal(run(user, 'npx', 'weft', 'dashboard', ...named).stdout, `dashboard: ${page}\n`)
    t.match(run(user, 'npx', 'weft', 'local', 'down', ...named), { status: 0 })
    await ended
  },
)

t.test('on a Node.js that is too old: one sentence', (t) => {
  // A package has no clone beside it.
  mkdirSync(join(work, 'old/cli/bin'), { recursive: true })
  cpSync(LAUNCHER, join(work, 'old/cli/bin/weft.cjs'))
  const old = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });
Object.defineProperty(process, 'version', { value: 'v20.1.0' })`
  writeFileSync(join(work, 'old.cjs'), old)
  const asked = (launcher: string) =>
    // The test runner's own hooks are deprecated, and Node.js would say so.
    run(work, process.execPath, '--no-deprecation', '-r', join(work, 'old.cjs'), launcher, '--version')
  t.strictSame(asked(join(work, 'old/cli/bin/weft.cjs')), {
    status: 1,
    stdout: '',
    stderr: 'weft needs Node.js 26 or newer, and this is v20.1.0: install it (https://nodejs.org)\n',
  })
  t.match(asked(LAUNCHER), { status: 0, stdout: /^weft .*Node\.js v2[6-9]/ }, 'a clone has one of its own')
  t.equal(dirname(LAUNCHER), join(PROJECT, dirname(packageJson.bin.weft)))
  t.end()
})

/** At a port that is free; another is tried where somebody took it in between. */
async function startProxy(t: Test) {
  for (;;) {
    const port = await freePort()
    writeFileSync(join(user, 'proxy.json'), JSON.stringify(bootstrap(port)))
    const proxy = spawn(program, ['proxy', '--bootstrap', 'proxy.json'], { cwd: user, env, stdio: 'pipe' })
    t.teardown(() => proxy.kill())
    let said = ''
    await new Promise<void>((resolve) => {
      for (const stream of [proxy.stdout, proxy.stderr])
        stream.on('data', (chunk: Buffer) => {
          said += chunk.toString()
          if (said.includes('proxy serving')) resolve()
        })
      proxy.on('close', () => resolve())
    })
    if (!said.includes('another process listens there')) return { proxy, port, said }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
