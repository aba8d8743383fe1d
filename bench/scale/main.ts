import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { KubernetesConnection } from '../../control-plane/kubernetes/connection.ts'
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import { describeError } from '../../core/errors.ts'
import { startCluster } from '../../e2e/kubernetes/cluster/cluster.ts'
import { writeBetween } from '../report/document.ts'
import { machineText } from '../report/machine.ts'
import { ControlPlane } from './control-plane.ts'
import { Changes, keyOf, measureIdle } from './measure.ts'
import type { ProxySpec } from './messages.ts'
import { eachOf, Objects } from './objects.ts'
import { HELP, parseOptions, type Options } from './options.ts'
import { PolicyObjects } from './policy-objects.ts'
import { Proxies } from './proxies.ts'
import { isWithinTarget, resultText, type Result } from './result.ts'

const DOCUMENT = fileURLToPath(new URL('../../docs/scale.md', import.meta.url))
const CRDS = fileURLToPath(new URL('../../deploy/chart/crds', import.meta.url))
const BEGIN = '<!-- Written by `npm run scale -- --document`: -->'

const tell = (line: string): void => console.error(`scale: ${line}`)

async function measure(options: Options): Promise<Result> {
  const ending: (() => unknown)[] = []
  try {
    const cluster = await startCluster({ mode: 'api', onProgress: tell })
    ending.push(() => cluster.stop())
    const files = ['--filename', cluster.programs.gatewayApi, '--filename', CRDS]
    await cluster.kubectl(['apply', '--server-side', ...files])
    await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
    const connection = await openConnection({ kubeconfig: cluster.kubeconfig })
    ending.push(() => connection.close())
    const objects = new Objects(connection)
    await objects.make(options.services, options.endpoints, tell)

    tell('starting the control plane')
    const controlPlane = await ControlPlane.start(cluster.kubeconfig, join(cluster.logs, 'weft.log'))
    ending.push(() => controlPlane.stop())
    const ready = { ms: controlPlane.readyMs, cpuMs: controlPlane.cpuMs(), ...controlPlane.memory() }
    tell(`ready after ${ready.ms.toFixed(0)} ms, ${ready.rss.toFixed(0)} MiB`)

    const specs = await proxySpecs(objects, options)
    const proxies = new Proxies()
    ending.push(() => proxies.stop())
    const before = controlPlane.cpuMs()
    const connected = await proxies.start({
      port: controlPlane.grpcPort,
      roots: await rootsOf(connection),
      serverName: 'weft-control-plane.weft-system.svc',
      proxies: specs,
    })
    const connect = {
      ...connected,
      again: proxies.again,
      cpuMs: controlPlane.cpuMs() - before,
      ...controlPlane.memory(),
    }
    tell(`${specs.length} proxies have all after ${connect.ms.toFixed(0)} ms`)

    const idleCpuPercent = await measureIdle(controlPlane)
    const changes = new Changes(objects, proxies, controlPlane)
    tell('changes, one after the other')
    const alone = await changes.alone(options)
    tell('changes, 50 a second')
    const fast = await changes.fast(options)
    tell('changes of a policy, one after the other')
    const policies = new PolicyObjects(connection)
    await policies.make()
    const policy = await changes.policy(policies, specs.length, options.policies)
    const { services, endpoints, proxies: count, destinations } = options
    const about = { services, endpoints, proxies: count, destinations }
    return { ...about, ready, connect, idleCpuPercent, alone, fast, policy, end: controlPlane.memory() }
  } finally {
    for (const end of ending.toReversed()) await end()
  }
}

/** Pods spread over all Services, each with a token of its own; whom they call is spread evenly, too. */
async function proxySpecs(objects: Objects, options: Options): Promise<ProxySpec[]> {
  const { pods, services } = objects
  const specs: ProxySpec[] = []
  const chosen = Array.from({ length: options.proxies }, (_, at) =>
    Math.floor((at * pods.length) / options.proxies),
  )
  await eachOf(chosen, async (index) => {
    const pod = pods[index]
    if (!pod) return
    const first = specs.length * 7
    const token = await objects.token(pod)
    const destinations = Array.from({ length: options.destinations }, (_, at) => {
      const service = services[(first + at * 37) % services.length]
      return service && { address: service.address, key: keyOf(service) }
    }).filter((one) => one !== undefined)
    const unique = new Map(destinations.map((one) => [one.key, one]))
    specs.push({ namespace: pod.namespace, pod: pod.name, token, destinations: [...unique.values()] })
  })
  return specs
}

async function rootsOf(connection: KubernetesConnection): Promise<string> {
  const path = '/api/v1/namespaces/weft-system/configmaps/weft-ca'
  const found = (await connection.request({ method: 'GET', path })) as { data: Record<string, string> }
  return found.data['root-cert.pem'] ?? ''
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv)
  if (options === 'help') {
    console.log(HELP)
    return 0
  }
  const result = await measure(options)
  const text = `${machineText([])}\n\n${resultText(result)}`
  if (options.document) writeBetween(DOCUMENT, BEGIN, text)
  console.log(options.json ? JSON.stringify(result, undefined, 2) : text)
  return isWithinTarget(result) ? 0 : 1
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`scale: ${describeError(error)}`)
    process.exitCode = 2
  },
)
