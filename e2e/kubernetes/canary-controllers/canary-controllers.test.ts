import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { argoRollouts } from './argo-rollouts.ts'
import { summary } from './answers.ts'
import { flagger } from './flagger.ts'
import { helpText } from './options.ts'

const PROJECT = join(import.meta.dirname, '../../..')
const text = (path: string): string => readFileSync(join(PROJECT, path), 'utf8')

t.test('--help has every controller', async (t) => {
  const help = helpText([flagger, argoRollouts])
  for (const { name, version } of [flagger, argoRollouts])
    t.match(help, new RegExp(`^  ${name} +${version}$`, 'm'))
})

t.test('answers of many seconds are counted together, failures apart', async (t) => {
  t.match(summary([{ v1: 40 }, { v1: 30, v2: 9, 'failed 500': 1 }, { failed: 2 }]), {
    counts: { v1: 70, v2: 9 },
    failed: 3,
    text: '82 answers: v1 70, v2 9, 3 failed',
  })
  t.match(summary([]), { failed: 0, text: '0 answers: 0 failed' })
})

t.test('queries of the samples name metrics and labels that sidecars have', async (t) => {
  const page = text('docs/observability.md')
  const served = new Set([...page.matchAll(/^\| `(\w+)`/gm)].map(([, name = '']) => name))
  let queries = 0
  for (const file of globSync('examples/{flagger,argo-rollouts}/*.yaml', { cwd: PROJECT }))
    for (const query of queriesOf(text(file))) {
      queries++
      const metrics = [...query.matchAll(/(\w+)\{[^{]/g)].map(([, name = '']) => name)
      t.ok(metrics.length > 0, query)
      for (const name of metrics)
        t.ok(served.has(name.replace(/_(count|bucket|sum)$/, '')), `${file}: ${name}`)
      // A PodMonitor gives the first two.
      for (const [, label = ''] of query.matchAll(/(\w+)=~?"/g))
        t.ok(['namespace', 'pod'].includes(label) || page.includes(`\`${label}\``), `${file}: ${label}`)
    }
  t.equal(queries, 3)
})

t.test('the page says which versions are run', async (t) => {
  const page = text('docs/canary-controllers.md')
  t.match(page, new RegExp(`^\\| Flagger +\\| ${flagger.version.slice(1)} `, 'm'))
  t.match(page, new RegExp(`^\\| Argo Rollouts +\\| ${argoRollouts.version.slice(1)} `, 'm'))
})

interface Queried {
  readonly spec?: {
    readonly query?: string
    readonly metrics?: readonly { readonly provider?: { readonly prometheus?: { readonly query: string } } }[]
  }
}

/** Of a MetricTemplate, and of an AnalysisTemplate. */
function queriesOf(manifest: string): string[] {
  return parseAllDocuments(manifest).flatMap((document) => {
    const { spec } = document.toJS() as Queried
    return [spec?.query, ...(spec?.metrics ?? []).map(({ provider }) => provider?.prometheus?.query)].filter(
      (query) => query !== undefined,
    )
  })
}
