import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { runCommand } from '../node/run-command.ts'
import { openInput } from './inputs.ts'

const NOTHING = Readable.from([])
const none = async (program: string) =>
  (await runCommand([program, 'version']).catch(() => undefined)) === undefined
const skip = (await none('kubectl')) && (await none('kustomize')) ? 'no kubectl and no kustomize here' : false

t.test('a directory is read where it is, of a file and of stdin the text', async (t) => {
  const directory = t.testdir({ 'web.json': '{"kind":"List"}' })
  t.strictSame((await openInput(directory, NOTHING)).input, { type: 'directory', path: directory })
  const file = join(directory, 'web.json')
  t.strictSame((await openInput(file, NOTHING)).input, { type: 'text', name: file, text: '{"kind":"List"}' })
  const stdin = Readable.from(['kind: ', 'Pod\n'])
  t.strictSame((await openInput('-', stdin)).input, { type: 'text', name: 'stdin', text: 'kind: Pod\n' })
})

t.test('what is none of them is refused by the flag, with what to do', async (t) => {
  const directory = t.testdir({})
  for (const [path, message] of [
    [join(directory, 'nowhere'), /nowhere is not there.*directory, a file, or - for stdin/],
    ['https://example.com/web.yaml', /curl -fsSL https:\/\/example\.com\/web\.yaml \| weft local up -f -/],
  ] as const) {
    await t.rejects(openInput(path, NOTHING), { code: 'local.manifests', field: '-f', message })
  }
})

t.test('a file that is replaced as a whole is read again', async (t) => {
  const directory = t.testdir({ 'web.yaml': 'kind: Pod\n', 'other.yaml': '' })
  const file = join(directory, 'web.yaml')
  const { watch } = await openInput(file, NOTHING)
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  t.teardown(watch(resolve, (message) => reject(new Error(message))))
  writeFileSync(join(directory, 'other.yaml'), 'kind: Service\n')
  writeFileSync(`${file}.new`, 'kind: Deployment\n')
  renameSync(`${file}.new`, file)
  t.equal(await promise, 'kind: Deployment\n')
})

t.test('a kustomize folder, with the folders that it is made from', { skip }, async (t) => {
  const base = (value: string) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { key: ${value} }\n`
  const directory = t.testdir({
    base: { 'kustomization.yaml': 'resources: [map.yaml]\n', 'map.yaml': base('one') },
    overlay: { 'kustomization.yaml': 'namePrefix: my-\nresources: [../base]\n' },
    broken: { 'kustomization.yaml': 'resources: [nowhere.yaml]\n' },
  })
  const overlay = join(directory, 'overlay')
  const { input, watch } = await openInput(overlay, NOTHING)
  t.match(input, { type: 'text', name: overlay, text: /name: my-settings/ })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  t.teardown(watch(resolve, (message) => reject(new Error(message))))
  writeFileSync(join(directory, 'base', 'map.yaml'), base('two'))
  t.match(await promise, /key: two/)
  await t.rejects(openInput(join(directory, 'broken'), NOTHING), { field: '-f', message: /nowhere\.yaml/ })
})

t.test('without the programs a kustomize folder is named', async (t) => {
  const directory = t.testdir({ 'kustomization.yml': 'resources: []\n' })
  const path = process.env['PATH']
  t.teardown(() => (process.env['PATH'] = path))
  process.env['PATH'] = join(directory, 'nowhere')
  await t.rejects(openInput(directory, NOTHING), { field: '-f', message: /kustomize folder.*kubectl/ })
})
