import { CONTROL_PLANE, HTTP_PORT, METRICS_PORT, SYSTEM_NAMESPACE } from '../../core/contract.ts'
import { eventually, onePod, type MeshCluster, type Step } from '../demo/scenario.ts'
import { promtoolProgram } from '../programs/prometheus.ts'
import type { TelemetryBed } from './bed.ts'
import { boardQueries, variableQueries } from './board-queries.ts'
import { said } from './said.ts'
import type { Sent } from './traffic.ts'

const PATIENCE_S = 60
/** By the Service that was asked: a split counts for those that it is split among, catalog-v1 and catalog-v2. */
const CLIENT_COUNT =
  'sum by (asked) (label_replace(http_client_request_duration_seconds_count, "asked", "$1$2", "weft_destination_service", "(.+?)(?:-v[12])?([.].+)"))'
/** What the traffic must set off. All hold for minutes before they fire, so they are seen as they begin. */
const ALERTS = ['WeftNoEndpoints', 'WeftServiceFails']
/** May come of it, by how fast the machine is, and of a mesh of a day, whose root and Canary are young. */
const MAY_COME = [
  'WeftTrustEnds',
  'WeftCanaryStuck',
  'WeftServiceSlow',
  'WeftDenialsSurge',
  'WeftEndpointEjected',
  'WeftConfigurationLate',
]

/** Both have to have asked before anything is sent: what came before the first scrape has no rate. */
export const scrapes: Step<TelemetryBed> = {
  name: 'scrapes',
  expected: 'every sidecar, the control plane and the injector, by the jobs of prometheus.yaml',
  run: async ({ native, prometheus, mesh }) => {
    const wanted = await sidecars(mesh)
    await eventually(PATIENCE_S, 'every target answers the other Prometheus', async () => {
      const all = await native.targets()
      return all.length > wanted && all.every(({ health }) => health === 'up') ? true : undefined
    })
    const targets = await eventually(PATIENCE_S, 'every target answers', async () => {
      const all = await prometheus.targets()
      return all.length > wanted && all.every(({ health }) => health === 'up') ? all : undefined
    })
    const count = (job: string) => targets.filter(({ labels }) => labels['job'] === job).length
    const counts = ['weft-sidecars', 'weft-control-plane', 'weft-injector'].map(count)
    return { ok: counts.join() === `${wanted},1,1`, observed: `${counts.join(', ')} of each` }
  },
}

/** What a real Prometheus makes of the mesh's metrics, the boards' queries and the rules. */
export function prometheusSteps(sent: () => Sent, folder: string): readonly Step<TelemetryBed>[] {
  return [
    {
      name: 'requests',
      expected: 'as many by Service as were sent',
      run: async ({ prometheus }) => {
        const wanted = listed(Object.entries(sent().asked))
        let seen = ''
        const found = async () => {
          const samples = await prometheus.query(CLIENT_COUNT)
          seen = listed(samples.map(({ metric, value }) => [metric['asked'] ?? '', value]))
          return seen === wanted ? true : undefined
        }
        const ok = await eventually(PATIENCE_S, 'the counts', found).catch(() => false)
        return { ok, observed: ok ? seen : `${seen}, not ${wanted}` }
      },
    },
    {
      name: 'promtool check metrics',
      expected: 'no error in what sidecars and the control plane serve',
      run: async ({ mesh }) => {
        // From outside of the mesh: it must not be counted itself.
        const outside = await onePod(mesh, 'legacy', 'client')
        const web = await onePod(mesh, 'shop', 'web')
        const problems: string[] = []
        for (const url of [
          `http://${web.address}:${METRICS_PORT}/stats/prometheus`,
          `http://${CONTROL_PLANE}.${SYSTEM_NAMESPACE}:${HTTP_PORT}/metrics`,
        ]) {
          const { stdout, stderr } = await mesh.exec(outside, [
            'node',
            '-e',
            `fetch(${JSON.stringify(url)}).then((r) => r.text()).then((text) => process.stdout.write(text))`,
          ])
          if (stdout === '') problems.push(`${url}: ${stderr}`)
          const { ok, text } = await said([promtoolProgram(folder), 'check', 'metrics'], '/', stdout)
          if (!ok) problems.push(`${url}: ${text}`)
        }
        return { ok: problems.length === 0, observed: problems.join('\n') || 'no error' }
      },
    },
    {
      name: 'boards',
      expected: 'every query is one, and all but those of trouble that is not there have data',
      run: async ({ prometheus }) => {
        const wrong: string[] = []
        const queries = boardQueries()
        let withData = 0
        for (const { name, expr, mayBeEmpty } of queries) {
          const samples = await prometheus.query(expr)
          const found = samples.some(({ value }) => !Number.isNaN(value))
          if (found) withData++
          else if (!mayBeEmpty) wrong.push(`${name} has no data`)
        }
        for (const { name, match, label } of variableQueries())
          if ((await prometheus.labelValues(label, match)).length === 0) wrong.push(`${name} has no values`)
        return {
          ok: wrong.length === 0,
          observed: wrong.join('\n') || `${queries.length} queries, ${withData} with data`,
        }
      },
    },
    {
      name: 'rules',
      expected: `all are evaluated; of the alerts ${ALERTS.join(' and ')} begin, and no others`,
      run: async ({ prometheus }) => {
        const rules = await eventually(PATIENCE_S, 'every rule is evaluated and alerts begin', async () => {
          const all = await prometheus.rules()
          const begun = (name: string) => all.some((one) => one.name === name && one.state !== 'inactive')
          return all.every(({ health }) => health !== 'unknown') && ALERTS.every(begun) ? all : undefined
        }).catch(() => prometheus.rules())
        const broken = rules.filter(({ health }) => health !== 'ok')
        const begun = rules
          .filter(({ type, state }) => type === 'alerting' && state !== 'inactive')
          .map(({ name }) => name)
        const empty = []
        for (const { name } of rules.filter(({ type }) => type === 'recording'))
          if ((await prometheus.query(name)).length === 0) empty.push(name)
        const others = begun.filter((name) => !ALERTS.includes(name) && !MAY_COME.includes(name))
        const ok =
          broken.length + empty.length + others.length === 0 && ALERTS.every((name) => begun.includes(name))
        return {
          ok,
          observed: `${rules.length} rules; begun: ${begun.join(', ') || 'none'}${broken.map(({ name, lastError }) => `; ${name}: ${lastError}`).join('')}${empty.map((name) => `; ${name} has no data`).join('')}`,
        }
      },
    },
    {
      name: 'native histograms',
      expected: 'as many requests in them, scraped as protobuf, as were sent, and a p99',
      run: async ({ native }) => {
        const wanted = sum(Object.values(sent().asked))
        let seen = 0
        const all = async () => {
          seen = await native.number('histogram_count(sum(http_client_request_duration_seconds))')
          return seen === wanted ? true : undefined
        }
        const exact = await eventually(PATIENCE_S, 'the counts', all).catch(() => false)
        const p99 = 'histogram_quantile(0.99, sum(rate(http_client_request_duration_seconds[10m])))'
        const is = await native.number(p99)
        return { ok: exact && is > 0, observed: `${seen} of ${wanted}, p99 ${is.toFixed(4)} s` }
      },
    },
  ]
}

/** `catalog.shop 90, web.shop 40`. */
function listed(counts: readonly (readonly [service: string, count: number])[]): string {
  return counts
    .map(([service, count]) => `${service} ${count}`)
    .toSorted((a, b) => a.localeCompare(b))
    .join(', ')
}

const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0)

/** Pods of the shop, each of which has one. */
async function sidecars(mesh: MeshCluster): Promise<number> {
  const apps = ['client', 'intruder', 'web', 'catalog-v1', 'catalog-v2', 'inventory', 'broken']
  const pods = await Promise.all(apps.map((app) => mesh.pods('shop', app)))
  return pods.flat().length
}
