import { BUNDLE_CONFIG_MAP, BUNDLE_KEY, INJECT_LABEL } from '../../core/contract.ts'
import { KubernetesError } from '../kubernetes/api-error.ts'
import { followObjects, type KubernetesObject } from '../kubernetes/follow.ts'
import type { Snapshot } from '../registry/snapshot.ts'
import { isMeshed } from '../translate/meshed.ts'
import { WorkQueue } from './work-queue.ts'
import { APPLY, FIELD_MANAGER, OWN_LABELS, type StartWriter } from './writer.ts'

const SETTLE_MS = 50

/** Keeps the trust bundle in a ConfigMap of every namespace that takes part in the mesh. */
export const writeBundles: StartWriter = (context) => {
  const { connection, namespace: own, snapshot, issuer, clock } = context
  let read = snapshot.value
  let wanted = namespacesOf(read, own)

  const queue = new WorkQueue({
    ...context,
    what: 'the trust bundle of a namespace',
    async reconcile(namespace) {
      const { pem } = issuer.trust.value.bundle
      if (!wanted.has(namespace)) return
      if (dataOf(followed.objects.get(`${namespace}/${BUNDLE_CONFIG_MAP}`))[BUNDLE_KEY] === pem) return
      const path = `/api/v1/namespaces/${namespace}/configmaps/${BUNDLE_CONFIG_MAP}`
      const body = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace, name: BUNDLE_CONFIG_MAP, labels: OWN_LABELS },
        data: { [BUNDLE_KEY]: pem },
      }
      try {
        const query = { fieldManager: FIELD_MANAGER, force: true }
        followed.wrote(await connection.request({ method: 'PATCH', path, query, body, contentType: APPLY }))
      } catch (error) {
        if (!isEnding(error)) throw error
      }
    },
  })
  const addAll = () => {
    for (const namespace of wanted) queue.add(namespace)
  }
  let listed = false
  const followed = followObjects({
    ...context,
    path: '/api/v1/configmaps',
    name: BUNDLE_CONFIG_MAP,
    onObject: (key) => listed && queue.add(key.slice(0, key.indexOf('/'))),
    onListed() {
      listed = true
      addAll()
    },
  })
  // Pods come and go faster than namespaces join.
  let cancel: (() => void) | undefined
  const unwatchSnapshot = snapshot.watch(({ namespaces, pods }) => {
    if (namespaces === read.namespaces && pods === read.pods) return
    cancel ??= clock.after(SETTLE_MS, () => {
      cancel = undefined
      const before = wanted
      read = snapshot.value
      wanted = namespacesOf(read, own)
      if (listed) for (const namespace of wanted) if (!before.has(namespace)) queue.add(namespace)
    })
  })
  const unwatchTrust = issuer.trust.watch(() => listed && addAll())
  return {
    async stop() {
      unwatchSnapshot()
      unwatchTrust()
      cancel?.()
      followed.close()
      await queue.stop()
    },
  }
}

/** The own one, those with the label, and those where somebody labelled a pod. */
export function namespacesOf({ namespaces, pods }: Snapshot, own: string): ReadonlySet<string> {
  const found = new Set([own])
  for (const { meta } of namespaces.values())
    if (meta.labels[INJECT_LABEL] === 'enabled') found.add(meta.name)
  for (const pod of pods.values())
    if (!found.has(pod.meta.namespace) && isMeshed(pod)) found.add(pod.meta.namespace)
  return found
}

/** The namespace is gone, or is being deleted: nothing is made in it, and nothing is wrong. */
function isEnding(error: unknown): boolean {
  if (!(error instanceof KubernetesError)) return false
  return error.status === 404 || (error.status === 403 && /being terminated/.test(error.message))
}

function dataOf(object: KubernetesObject | undefined): Readonly<Record<string, string>> {
  return (object?.['data'] as Record<string, string> | undefined) ?? {}
}
