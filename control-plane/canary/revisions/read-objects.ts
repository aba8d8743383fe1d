import type { KubernetesObject } from '../../kubernetes/follow.ts'
import {
  TEMPLATE_HASH,
  type Deployment,
  type Held,
  type PodTemplate,
  type ReplicaSet,
  type Rollout,
} from './objects.ts'

/** On a Deployment: how a Canary holds it, as JSON. */
export const HELD_ANNOTATION = 'weft.dev/canary-rollout'

type Raw = Readonly<Record<string, unknown>>

/** apps/v1 Deployment, as the API server has it: every default is there. */
export function readDeployment(object: KubernetesObject): Deployment {
  const spec = mapOf(object['spec'])
  const status = mapOf(object['status'])
  const strategy = mapOf(spec['strategy'])
  const rolling = mapOf(strategy['rollingUpdate'])
  const selector = mapOf(spec['selector'])
  const replicas = numberOf(spec['replicas'], 1)
  const { name, uid = '', resourceVersion = '', annotations } = object.metadata
  return {
    name,
    uid,
    resourceVersion,
    replicas,
    matchLabels: mapOf(selector['matchLabels']) as Readonly<Record<string, string>>,
    byExpressions: Array.isArray(selector['matchExpressions']) && selector['matchExpressions'].length > 0,
    strategy: typeof strategy['type'] === 'string' ? strategy['type'] : 'RollingUpdate',
    template: authored(spec['template']),
    paused: spec['paused'] === true,
    rollout: {
      minReadySeconds: numberOf(spec['minReadySeconds'], 0),
      progressDeadlineSeconds: numberOf(spec['progressDeadlineSeconds'], 600),
      maxSurge: countOf(rolling['maxSurge']),
      maxUnavailable: countOf(rolling['maxUnavailable']),
    },
    complete:
      numberOf(status['observedGeneration'], 0) >= numberOf((object.metadata as Raw)['generation'], 0) &&
      ['replicas', 'updatedReplicas', 'availableReplicas'].every(
        (field) => numberOf(status[field], 0) === replicas,
      ),
    held: readHeld(annotations?.[HELD_ANNOTATION]),
  }
}

/** apps/v1 ReplicaSets of the Deployment with this uid, as they come in a list. */
export function readReplicaSets(objects: readonly KubernetesObject[], owner: string): ReplicaSet[] {
  return objects.flatMap(({ metadata, spec }) => {
    const owners = (metadata as Raw)['ownerReferences']
    const hash = metadata.labels?.[TEMPLATE_HASH]
    if (!Array.isArray(owners) || !owners.some((one) => mapOf(one)['uid'] === owner) || !hash) return []
    const { replicas, template } = mapOf(spec)
    return [{ name: metadata.name, hash, replicas: numberOf(replicas, 1), template: authored(template) }]
  })
}

/** Without what its controller adds, so that the same template is the same. */
function authored(value: unknown): PodTemplate {
  const template = mapOf(value)
  const metadata = mapOf(template['metadata'])
  const { [TEMPLATE_HASH]: _, ...labels } = mapOf(metadata['labels'])
  return { ...template, metadata: { ...metadata, labels } } as PodTemplate
}

/** Of an annotation that anybody may have written; undefined where it is nothing that a Canary wrote. */
function readHeld(text: string | undefined): Held | undefined {
  if (text === undefined) return undefined
  try {
    const { as, was } = mapOf(JSON.parse(text))
    if (as === 'paused') return { as }
    const { minReadySeconds, progressDeadlineSeconds, maxSurge, maxUnavailable } = mapOf(
      was,
    ) as Partial<Rollout>
    const sound =
      as === 'released' &&
      [minReadySeconds, progressDeadlineSeconds].every((seconds) => typeof seconds === 'number') &&
      [maxSurge, maxUnavailable].every((count) => typeof count === 'number' || typeof count === 'string')
    return sound ? { as: 'released', was: was as Rollout } : undefined
  } catch {
    return undefined
  }
}

function mapOf(value: unknown): Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : {}
}

function numberOf(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}

/** Pods, or a share of them: IntOrString. */
function countOf(value: unknown): number | string {
  return typeof value === 'number' || typeof value === 'string' ? value : '25%'
}
