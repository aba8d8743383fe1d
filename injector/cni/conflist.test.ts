import t from 'tap'
import { activeFile, PLUGIN_ENTRY, withoutPlugin, withPlugin } from './conflist.ts'

const list = (...plugins: object[]) =>
  JSON.stringify({ cniVersion: '1.0.0', name: 'pods', disableCheck: true, plugins })

t.test('the plugin goes behind all others, once, and all else stays', async (t) => {
  const text = withPlugin(list({ type: 'ptp', ipMasq: false }, { type: 'portmap' })) ?? ''
  t.same(JSON.parse(text), {
    cniVersion: '1.0.0',
    name: 'pods',
    disableCheck: true,
    plugins: [
      { type: 'ptp', ipMasq: false },
      { type: 'portmap' },
      { type: 'weft-cni', capabilities: { 'io.kubernetes.cri.pod-annotations': true } },
    ],
  })
  t.equal(withPlugin(text), undefined, 'it is there')
  t.same(
    JSON.parse(withoutPlugin(text) ?? ''),
    JSON.parse(list({ type: 'ptp', ipMasq: false }, { type: 'portmap' })),
  )
})

t.test('an entry of another version, in another place or twice becomes the one that is wanted', async (t) => {
  for (const text of [
    list({ type: 'weft-cni' }, { type: 'ptp' }),
    list({ type: 'ptp' }, { type: 'weft-cni' }),
    list({ type: 'ptp' }, PLUGIN_ENTRY, PLUGIN_ENTRY),
    list(PLUGIN_ENTRY, { type: 'ptp' }),
  ])
    t.same(JSON.parse(withPlugin(text) ?? '{}').plugins, [{ type: 'ptp' }, PLUGIN_ENTRY], text)
})

t.test('what is no list of plugins is refused, and never changed', async (t) => {
  for (const text of ['', '{', '[]', 'null', '{"type":"ptp"}', '{"plugins":{}}', '{"plugins":[]}']) {
    t.throws(() => withPlugin(text), { code: 'cni.configuration' }, text)
    t.equal(withoutPlugin(text), undefined)
  }
  t.equal(withoutPlugin(list({ type: 'ptp' })), undefined)
})

t.test('the file that runtimes take is the first by name', async (t) => {
  t.equal(activeFile(['20-b.conflist', '10-a.conflist', '00-readme', '.weft-cni.tmp']), '10-a.conflist')
  t.equal(activeFile(['87-podman.conflist', '10-x.conf', '10-x.conflist']), '10-x.conf')
  t.equal(activeFile(['05-cilium.conflist.bak', '.hidden.conflist']), undefined)
  t.equal(activeFile([]), undefined)
})
