import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silentLogger } from '../../core/log.ts'
import { PLUGIN_ENTRY } from './conflist.ts'
import { NodeConfiguration } from './node-configuration.ts'
import type { Presence } from './node-configuration.ts'

const list = (...types: string[]) =>
  JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins: types.map((type) => ({ type })) })

function begin(t: Test, files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'weft-cni-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const configuration = new NodeConfiguration(folder, silentLogger)
  t.teardown(() => {
    configuration.stop()
    rmSync(folder, { recursive: true })
  })
  const until = async (is: (presence: Presence) => boolean) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = configuration.presence.watch((value) => is(value) && resolve())
    if (is(configuration.presence.value)) resolve()
    await promise
    stop()
  }
  const plugins = (name: string): unknown[] => JSON.parse(readFileSync(join(folder, name), 'utf8')).plugins
  return { folder, configuration, until, plugins }
}

/** Resolves when a file is as it should be; a watch and a look now and again both lead there. */
async function untilTrue(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setImmediate(resolve))
}

t.test('it is put into the file that runtimes take, and that alone', async (t) => {
  const { folder, configuration, plugins } = begin(t, {
    '10-a.conflist': list('ptp'),
    '20-b.conflist': list('bridge'),
  })
  configuration.keep()
  t.same(configuration.presence.value, { present: true, file: '10-a.conflist' })
  t.same(plugins('10-a.conflist'), [{ type: 'ptp' }, PLUGIN_ENTRY])
  t.same(plugins('20-b.conflist'), [{ type: 'bridge' }])
  t.same(readdirSync(folder).toSorted(), ['10-a.conflist', '20-b.conflist'], 'nothing is left beside')
})

t.test('a pod network that is installed later gets it then', async (t) => {
  const { folder, configuration, until, plugins } = begin(t, {})
  configuration.keep()
  t.match(configuration.presence.value, {
    present: false,
    why: /has no configuration: the pod network is not installed/,
  })
  writeFileSync(join(folder, '10-a.conflist'), list('ptp'))
  await until((one) => one.present)
  t.same(plugins('10-a.conflist'), [{ type: 'ptp' }, PLUGIN_ENTRY])
})

t.test('a file that is overwritten, replaced, or overtaken by another one gets it again', async (t) => {
  const { folder, configuration, until, plugins } = begin(t, { '10-a.conflist': list('ptp') })
  configuration.keep()
  const has = (name: string) => () => {
    try {
      return plugins(name).length === 2
    } catch {
      return false
    }
  }
  writeFileSync(join(folder, '10-a.conflist'), list('flannel'))
  await untilTrue(has('10-a.conflist'))
  t.same(plugins('10-a.conflist'), [{ type: 'flannel' }, PLUGIN_ENTRY])
  writeFileSync(join(folder, '.new'), list('calico'))
  renameSync(join(folder, '.new'), join(folder, '10-a.conflist'))
  await untilTrue(has('10-a.conflist'))
  t.same(plugins('10-a.conflist'), [{ type: 'calico' }, PLUGIN_ENTRY])
  writeFileSync(join(folder, '05-first.conflist'), list('cilium-cni'))
  await until((one) => one.present && one.file === '05-first.conflist')
  t.same(plugins('05-first.conflist'), [{ type: 'cilium-cni' }, PLUGIN_ENTRY])
  rmSync(join(folder, '05-first.conflist'))
  await until((one) => one.present && one.file === '10-a.conflist')
})

t.test('half a file is left alone until it is whole; what is no list is told', async (t) => {
  const { folder, configuration, until, plugins } = begin(t, { '10-a.conflist': '{"name":"pods","plu' })
  configuration.keep()
  t.match(configuration.presence.value, { present: false, why: /10-a\.conflist is not JSON/ })
  t.equal(readFileSync(join(folder, '10-a.conflist'), 'utf8'), '{"name":"pods","plu')
  writeFileSync(join(folder, '10-a.conflist'), list('ptp'), { mode: 0o600 })
  await until((one) => one.present)
  t.equal(plugins('10-a.conflist').length, 2)
  writeFileSync(join(folder, '00-multus.conf'), '{"cniVersion":"0.3.1","type":"multus"}')
  await until((one) => !one.present && /00-multus\.conf is no list of plugins/.test(one.why))
})

t.test('removal takes it out of every file, with its mode, and puts it back nowhere', async (t) => {
  const { folder, configuration, plugins } = begin(t, {
    '10-a.conflist': list('ptp'),
    '20-b.conflist': JSON.stringify({ name: 'b', plugins: [{ type: 'bridge' }, PLUGIN_ENTRY] }),
    'notes.conf': 'mine',
  })
  writeFileSync(join(folder, '05-own.conflist'), list('own'), { mode: 0o600 })
  configuration.keep()
  t.equal(plugins('05-own.conflist').length, 2)
  t.equal(statSync(join(folder, '05-own.conflist')).mode & 0o777, 0o600)
  configuration.remove()
  t.same(plugins('05-own.conflist'), [{ type: 'own' }])
  t.same(plugins('20-b.conflist'), [{ type: 'bridge' }])
  t.equal(readFileSync(join(folder, 'notes.conf'), 'utf8'), 'mine')
})
