import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ManifestSource } from './source.ts'

t.test('the manifests of docs/local.md are read without a word', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/local.md'), 'utf8')
  const example = /```yaml\n([^]*?)```/.exec(page)?.[1] ?? ''
  const directory = t.testdir({ 'shop.yaml': example })
  const { desired, problems } = await new ManifestSource([directory]).load()
  t.strictSame(problems, [])
  t.strictSame([...desired.workloads.keys()], ['Deployment shop/web'])
  t.strictSame([...desired.services.keys()], ['shop/web'])
})
