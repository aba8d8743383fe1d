import { ADMIN_PORT, INIT_CONTAINER, PROXY_CONTAINER, SYSTEM_NAMESPACE } from '../../core/contract.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { ControlClient } from '../../local/control/client.ts'
import type { PodStatus } from '../../local/control/status.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import { addControlPlanePages } from './control-plane-pages.ts'
import type { Evidence } from './evidence.ts'
import { inParallel } from '../mesh/in-parallel.ts'
import { ADMIN_PAGES, LOG_LINES, MOST_SIDECARS, SIDECARS_AT_ONCE } from './reach.ts'

/** Prints a page of the sidecar, at most 8 Mi characters of it. */
const GET = `fetch('http://127.0.0.1:${ADMIN_PORT}' + process.argv[1], { signal: AbortSignal.timeout(10000) }).then(async (r) => {
  if (r.status !== 200) throw new Error('status ' + r.status)
  process.stdout.write((await r.text()).slice(0, 8 << 20))
}).catch((error) => { console.error(error.message); process.exitCode = 1 })`
const EXEC_MS = 20_000

/** Puts in what the mesh of this machine knows of itself. */
export async function addLocalEvidence(
  { archive, namespace, applications, progress }: Evidence,
  client: ControlClient,
  mesh: MeshApi,
): Promise<void> {
  progress('status, events')
  const status = await client.status()
  const isMeant = (pod: PodStatus): boolean =>
    namespace === undefined || [namespace, SYSTEM_NAMESPACE].includes(pod.namespace)
  const pods = status.pods.filter(isMeant)
  archive.json('status.json', { ...status, pods })
  archive.json('problems.json', status.problems)
  await archive.take('events.json', () => client.events())
  await addControlPlanePages(archive, mesh, progress)
  await archive.take('objects.json', async () => {
    const [answer] = await mesh.ask('authorization/objects')
    return answer?.body
  })

  progress(`logs of ${pods.length} pods`)
  for (const pod of pods)
    for (const { name, restarts, state } of pod.containers) {
      const own = pod.namespace === SYSTEM_NAMESPACE || [PROXY_CONTAINER, INIT_CONTAINER].includes(name)
      if (!(own || applications) || state.type === 'waiting') continue
      for (const previous of restarts > 0 ? [true, false] : [false])
        await addLog(archive, client, pod, name, previous)
    }

  const all = pods.filter(({ containers }) => containers.some(({ name }) => name === PROXY_CONTAINER))
  // What does not get on comes first.
  const sidecars = all.toSorted((a, b) => Number(a.ready) - Number(b.ready)).slice(0, MOST_SIDECARS)
  if (sidecars.length < all.length)
    archive.omit(
      'sidecars/*',
      `${all.length - sidecars.length} of ${all.length} sidecars: -n chooses a namespace`,
    )
  progress(`configuration of ${sidecars.length} sidecars`)
  await inParallel(sidecars, SIDECARS_AT_ONCE, async (pod) => {
    for (const [file, page] of ADMIN_PAGES)
      await archive.take(`sidecars/${pod.namespace}/${pod.name}/${file}.json`, async () => {
        const { code, stdout, stderr } = await client.exec(
          `${pod.namespace}/${pod.name}`,
          ['node', '-e', GET, page],
          { container: PROXY_CONTAINER, timeoutMs: EXEC_MS },
        )
        if (code !== 0) throw new WeftError('bundle.sidecar', stderr.trim() || `no answer (code ${code})`)
        return JSON.parse(stdout) as unknown
      })
  })
}

async function addLog(
  archive: Evidence['archive'],
  client: ControlClient,
  pod: PodStatus,
  container: string,
  previous: boolean,
): Promise<void> {
  const name = `logs/${pod.namespace}/${pod.name}/${container}${previous ? '.previous' : ''}.log`
  try {
    let text = ''
    const of = { container, previous, tail: LOG_LINES }
    for await (const chunk of client.logs(`${pod.namespace}/${pod.name}`, of)) text += chunk
    archive.log(name, text)
  } catch (error) {
    archive.omit(name, describeError(error))
  }
}
