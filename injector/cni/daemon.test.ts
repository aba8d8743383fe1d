import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silentLogger } from '../../core/log.ts'
import { runDaemon } from './daemon.ts'

const NETWORK = JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins: [{ type: 'ptp' }] })

/** A node of folders, with small programs in the place of Node.js and iptables. */
function makeNode(t: Test) {
  const node = mkdtempSync(join(tmpdir(), 'weft-cni-'))
  t.teardown(() => rmSync(node, { recursive: true }))
  for (const name of ['state', 'configuration', 'bundle', 'tables']) mkdirSync(join(node, name))
  writeFileSync(join(node, 'configuration/10-pods.conflist'), NETWORK)
  writeFileSync(join(node, 'bundle/plugin.cjs'), '// 1')
  writeFileSync(join(node, 'tables/iptables-restore'), readFileSync('/bin/true'), { mode: 0o755 })
  const folders = {
    bin: join(node, 'bin'),
    state: join(node, 'state'),
    configuration: join(node, 'configuration'),
  }
  const shipped = {
    node: '/bin/true',
    nsenter: '/bin/true',
    iptables: join(node, 'tables'),
    extensions: undefined,
    bundle: join(node, 'bundle'),
  }
  /** Runs a daemon until it listens; `stop` resolves when it has ended. */
  const start = async (isUninstalled: boolean) => {
    const stopping = new AbortController()
    const { promise: listening, resolve: onListening } = Promise.withResolvers<number>()
    const running = runDaemon({
      folders,
      shipped,
      version: '1.2.3',
      healthPort: 0,
      logger: silentLogger,
      stopped: stopping.signal,
      isUninstalled: () => Promise.resolve(isUninstalled),
      onListening,
    })
    const port = await Promise.race([listening, running.then(() => 0)])
    const status = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`)
      await answer.text()
      return answer.status
    }
    const stop = () => {
      stopping.abort()
      return running
    }
    return { status, stop }
  }
  const entries = () => readFileSync(join(folders.configuration, '10-pods.conflist'), 'utf8')
  return { node, folders, start, entries }
}

t.test('it puts the plugin in place, and leaves it there when it ends', async (t) => {
  const { folders, start, entries } = makeNode(t)
  const daemon = await start(false)
  t.equal(await daemon.status('/live'), 200)
  t.equal(await daemon.status('/ready'), 200)
  t.equal(await daemon.status('/other'), 404)
  t.match(entries(), '"weft-cni"')
  const program = readFileSync(join(folders.bin, 'weft-cni'), 'utf8')
  t.match(program, /^#!\/bin\/sh\n[^]*\nroot=\/.*\/state\/1\.2\.3-[0-9a-f]{12}\n/)
  writeFileSync(join(folders.configuration, '00-multus.conf'), '{"type":"multus"}')
  while ((await daemon.status('/ready')) === 200);
  rmSync(join(folders.configuration, '00-multus.conf'))
  while ((await daemon.status('/ready')) === 503);
  rmSync(join(folders.bin, 'weft-cni'))
  t.equal(await daemon.status('/ready'), 503, 'not ready without its program')
  await daemon.stop()
  t.match(entries(), '"weft-cni"')
})

t.test('a newer one replaces the program in one step, and keeps what is being run', async (t) => {
  const { node, folders, start } = makeNode(t)
  const root = () => /^root=(.*)$/m.exec(readFileSync(join(folders.bin, 'weft-cni'), 'utf8'))?.[1] ?? ''
  const roots: string[] = []
  for (const text of ['// 1', '// 2', '// 3', '// 3']) {
    writeFileSync(join(node, 'bundle/plugin.cjs'), text)
    const daemon = await start(false)
    await daemon.stop()
    roots.push(root())
    t.equal(readFileSync(join(root(), 'weft/plugin.cjs'), 'utf8'), text)
  }
  t.equal(new Set(roots).size, 3)
  t.notOk(existsSync(roots[0] ?? ''), 'what is older goes')
  // What was killed while it wrote.
  mkdirSync(join(folders.state, 'half.new'))
  const daemon = await start(false)
  await daemon.stop()
  t.same(
    readdirSync(folders.state).map((name) => join(folders.state, name)),
    [roots[3]],
  )
})

t.test('uninstalled, it takes everything away', async (t) => {
  const { folders, start, entries } = makeNode(t)
  const daemon = await start(true)
  await daemon.stop()
  t.same(JSON.parse(entries()), JSON.parse(NETWORK))
  t.notOk(existsSync(join(folders.bin, 'weft-cni')))
  t.same(readdirSync(folders.state), [])
})
