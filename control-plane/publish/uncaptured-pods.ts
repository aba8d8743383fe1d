import {
  CNI_PLUGIN,
  INIT_CONTAINER,
  INJECTED_LABEL,
  NOT_CAPTURED_EXIT,
  UNCAPTURED_LABEL,
} from '../../core/contract.ts'
import { describeError } from '../../core/errors.ts'
import { KubernetesError } from '../kubernetes/api-error.ts'
import type { KubernetesObject } from '../kubernetes/follow.ts'
import { FIELD_MANAGER, type StartWriter, type WriterContext } from './writer.ts'

/** What becomes of a pod whose traffic nobody captures, which its init container then holds back. */
export const CNI_REPAIRS = ['off', 'label', 'delete'] as const
export type CniRepair = (typeof CNI_REPAIRS)[number]

const LOOK_MS = 15_000
/** At a time; whatever happened to all nodes at once is no reason to replace all pods at once. */
const MOST = 10
const PAGE = 500

/** The parts of a pod that are read. */
interface Pod extends KubernetesObject {
  readonly metadata: KubernetesObject['metadata'] & {
    readonly namespace: string
    readonly uid: string
    readonly deletionTimestamp?: string
    readonly ownerReferences?: readonly { readonly controller?: boolean }[]
  }
  readonly spec: { readonly nodeName?: string }
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
    readonly initContainerStatuses?: readonly {
      readonly name: string
      readonly state?: State
      readonly lastState?: State
    }[]
  }
}

interface State {
  readonly terminated?: { readonly exitCode: number }
}

/**
 * Looks now and again for pods that their init container holds back because no CNI plugin set their capture rules. `label`
 * marks them; `delete` deletes those that somebody makes anew, on nodes where the plugin is in place by now.
 */
export function repairUncaptured(repair: Exclude<CniRepair, 'off'>): StartWriter {
  return (context) => {
    const { clock, log } = context
    let stopped = false
    let cancel = (): void => {}
    let running: Promise<void> = Promise.resolve()
    const told = new Set<string>()
    const look = async (): Promise<void> => {
      try {
        if (context.mayWrite()) await mend(context, repair, told)
      } catch (error) {
        log.warn('pods that are not captured could not be looked for', { reason: describeError(error) })
      }
      if (!stopped) cancel = clock.after(LOOK_MS, begin)
    }
    const begin = (): void => void (running = look())
    begin()
    return {
      async stop() {
        stopped = true
        cancel()
        await running
      },
    }
  }
}

async function mend(
  context: WriterContext,
  repair: Exclude<CniRepair, 'off'>,
  told: Set<string>,
): Promise<void> {
  const held = await heldPods(context)
  const uids = new Set(held.map(({ metadata }) => metadata.uid))
  for (const uid of told) if (!uids.has(uid)) told.delete(uid)
  if (held.length === 0) return
  if (repair === 'label') {
    const unmarked = held.filter(({ metadata }) => metadata.labels?.[UNCAPTURED_LABEL] !== 'true')
    for (const pod of unmarked.slice(0, MOST)) await label(context, pod)
    return
  }
  const ready = await readyNodes(context)
  const mendable = held.filter(({ metadata, spec }) => {
    const remade = metadata.ownerReferences?.some(({ controller }) => controller) ?? false
    if (remade) return ready.has(spec.nodeName ?? '')
    if (!told.has(metadata.uid))
      context.log.warn(
        'a pod whose traffic is not captured waits: nobody makes it anew, so it is not deleted',
        {
          pod: nameOf(metadata),
        },
      )
    told.add(metadata.uid)
    return false
  })
  for (const pod of mendable.slice(0, MOST)) await remove(context, pod)
}

/** Those that wait for their init container alone: of all others nothing is read. */
async function heldPods({ connection }: WriterContext): Promise<Pod[]> {
  const held: Pod[] = []
  let next: string | undefined
  do {
    const query = {
      labelSelector: `${INJECTED_LABEL}=true`,
      fieldSelector: 'status.phase=Pending',
      limit: PAGE,
      continue: next,
    }
    const page = (await connection.request({ method: 'GET', path: '/api/v1/pods', query })) as List
    held.push(...(page.items ?? []).filter(isHeld))
    next = page.metadata.continue || undefined
  } while (next !== undefined)
  return held
}

function isHeld({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp !== undefined) return false
  const init = status?.initContainerStatuses?.find(({ name }) => name === INIT_CONTAINER)
  return [init?.state, init?.lastState].some((state) => state?.terminated?.exitCode === NOT_CAPTURED_EXIT)
}

/** Nodes whose daemon says that the plugin is in place. */
async function readyNodes({ connection, namespace }: WriterContext): Promise<ReadonlySet<string>> {
  const path = `/api/v1/namespaces/${namespace}/pods`
  const query = { labelSelector: `app.kubernetes.io/name=${CNI_PLUGIN}` }
  const { items } = (await connection.request({ method: 'GET', path, query })) as List
  const ready = (items ?? []).filter(({ status }) =>
    status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'),
  )
  return new Set(ready.map(({ spec }) => spec.nodeName ?? ''))
}

async function label({ connection, log }: WriterContext, { metadata }: Pod): Promise<void> {
  await ifThere(() =>
    connection.request({
      method: 'PATCH',
      path: pathOf(metadata),
      query: { fieldManager: FIELD_MANAGER },
      contentType: 'application/merge-patch+json',
      // Only this pod, and not one of its name that came since.
      body: { metadata: { uid: metadata.uid, labels: { [UNCAPTURED_LABEL]: 'true' } } },
    }),
  )
  log.warn('a pod whose traffic is not captured was labelled', { pod: nameOf(metadata) })
}

async function remove({ connection, log }: WriterContext, { metadata, spec }: Pod): Promise<void> {
  await ifThere(() =>
    connection.request({
      method: 'DELETE',
      path: pathOf(metadata),
      body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: metadata.uid } },
    }),
  )
  log.warn('a pod whose traffic is not captured was deleted, to be made anew', {
    pod: nameOf(metadata),
    node: spec.nodeName,
  })
}

/** Gone, or another one by now: nothing is left to do. */
async function ifThere(write: () => Promise<unknown>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!(error instanceof KubernetesError) || ![404, 409].includes(error.status ?? 0)) throw error
  }
}

interface List {
  readonly items?: readonly Pod[] | null
  readonly metadata: { readonly continue?: string }
}

function pathOf({ namespace, name }: Pod['metadata']): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`
}

function nameOf({ namespace, name }: Pod['metadata']): string {
  return `${namespace}/${name}`
}
