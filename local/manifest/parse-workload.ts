import { createHash } from 'node:crypto'
import { Cron } from 'croner'
import { describeError } from '../../core/errors.ts'
import { canonical } from './canonical.ts'
import { Fields, invalid } from './fields.ts'
import type { Warn } from './fields.ts'
import type {
  CronJobObject,
  JobObject,
  Named,
  PodTemplate,
  ReplicatedObject,
  StatefulSetObject,
  Workload,
} from './objects.ts'
import { parsePodSpec } from './parse-pod.ts'

/** Who hears of what is ignored, and the directories of the machine that pods may mount (see parsePodSpec). */
export interface ParseContext {
  readonly warn: Warn
  readonly hostPaths?: ReadonlySet<string> | undefined
}

const MOST_PODS = 1000

/** A pod, or the template of one. `claims`: volumes that each pod of a StatefulSet has for itself. */
export function parseTemplate(
  fields: Fields,
  { warn, hostPaths }: ParseContext,
  claims: readonly string[] = [],
): PodTemplate {
  const metadata = fields.child('metadata')
  const raw = { metadata: metadata?.raw ?? {}, spec: withClaims(fields.raw['spec'], claims) }
  return {
    raw,
    labels: metadata?.textMap('labels') ?? {},
    annotations: metadata?.textMap('annotations') ?? {},
    spec: parsePodSpec(raw.spec, fields.at('spec'), warn, hostPaths),
    hash: createHash('sha256').update(canonical(raw)).digest('hex').slice(0, 10),
  }
}

/** What makes pods. Throws a WeftError that names the field. Source: Kubernetes API, apps/v1 and batch/v1. */
export function parseWorkload(
  kind: Workload['kind'],
  fields: Fields,
  named: Named,
  context: ParseContext,
): Workload {
  const spec = fields.requiredChild('spec')
  switch (kind) {
    case 'Deployment':
    case 'ReplicaSet':
    case 'DaemonSet':
      return parseReplicated(kind, spec, named, context)
    case 'StatefulSet':
      return parseStatefulSet(spec, named, context)
    case 'Job':
      return { ...named, ...parseJob(spec, context) }
  }
}

function parseReplicated(
  kind: ReplicatedObject['kind'],
  spec: Fields,
  named: Named,
  context: ParseContext,
): ReplicatedObject {
  const rest = ['revisionHistoryLimit', 'progressDeadlineSeconds', 'minReadySeconds', 'paused']
  if (kind === 'DaemonSet') spec.only(['selector', 'template', 'updateStrategy'], rest)
  else if (kind === 'ReplicaSet') spec.only(['replicas', 'selector', 'template'], ['minReadySeconds'])
  else spec.only(['replicas', 'selector', 'template', 'strategy'], rest)
  const object = { kind, ...named, template: serving(spec, kind, context) }
  // On its node a DaemonSet's pod makes way for the next one, as maxUnavailable 1 has it.
  if (kind === 'DaemonSet') return { ...object, replicas: 1, strategy: { maxSurge: 0, maxUnavailable: 1 } }
  const replicas = replicasOf(spec)
  return { ...object, replicas, strategy: kind === 'ReplicaSet' ? 'keep' : parseStrategy(spec, replicas) }
}

function parseStatefulSet(spec: Fields, named: Named, context: ParseContext): StatefulSetObject {
  spec.only(
    [
      'replicas',
      'selector',
      'template',
      'serviceName',
      'podManagementPolicy',
      'updateStrategy',
      'ordinals',
      'volumeClaimTemplates',
    ],
    ['revisionHistoryLimit', 'minReadySeconds', 'persistentVolumeClaimRetentionPolicy'],
  )
  const claims = spec
    .list('volumeClaimTemplates')
    .map((claim) => claim.requiredChild('metadata').requiredString('name'))
  const update = spec.child('updateStrategy')
  const kept = update?.child('rollingUpdate')?.integer('partition') ?? 0
  return {
    kind: 'StatefulSet',
    ...named,
    replicas: replicasOf(spec),
    firstOrdinal: spec.child('ordinals')?.integer('start') ?? 0,
    serviceName: spec.string('serviceName') ?? '',
    template: serving(spec, 'StatefulSet', context, claims),
    parallel: spec.string('podManagementPolicy') === 'Parallel',
    partition: update?.string('type') === 'OnDelete' ? Number.POSITIVE_INFINITY : kept,
    claims,
  }
}

function parseJob(spec: Fields, context: ParseContext): Omit<JobObject, 'name' | 'namespace'> {
  spec.only(
    [
      'template',
      'completions',
      'parallelism',
      'completionMode',
      'backoffLimit',
      'activeDeadlineSeconds',
      'suspend',
    ],
    ['selector', 'manualSelector', 'ttlSecondsAfterFinished', 'podReplacementPolicy'],
  )
  const template = parseTemplate(spec.requiredChild('template'), context)
  if (template.spec.restartPolicy === 'Always') {
    throw invalid(`${spec.at('template')}.spec.restartPolicy`, 'must be Never or OnFailure in a Job')
  }
  const parallelism = spec.integer('parallelism', 0, MOST_PODS) ?? 1
  return {
    kind: 'Job',
    template,
    completions: spec.integer('completions', 0, 100_000) ?? Math.max(1, parallelism),
    parallelism,
    indexed: spec.string('completionMode') === 'Indexed',
    backoffLimit: spec.integer('backoffLimit') ?? 6,
    deadlineSeconds: spec.integer('activeDeadlineSeconds', 1),
    suspended: spec.boolean('suspend') ?? false,
  }
}

/** A CronJob with the Job that each run of it is. */
export function parseCronJob(fields: Fields, named: Named, context: ParseContext): CronJobObject {
  const spec = fields.requiredChild('spec')
  spec.only(
    [
      'schedule',
      'timeZone',
      'concurrencyPolicy',
      'suspend',
      'jobTemplate',
      'successfulJobsHistoryLimit',
      'failedJobsHistoryLimit',
    ],
    ['startingDeadlineSeconds'],
  )
  const schedule = spec.requiredString('schedule')
  const timeZone = spec.string('timeZone')
  try {
    new Cron(schedule, {
      paused: true,
      mode: '5-part',
      ...(timeZone === undefined ? {} : { timezone: timeZone }),
    }).nextRun()
  } catch (error) {
    throw invalid(
      spec.at('schedule'),
      `\`${schedule}\` is no schedule such as */5 * * * *: ${describeError(error)}`,
    )
  }
  const concurrency = spec.string('concurrencyPolicy') ?? 'Allow'
  if (concurrency !== 'Allow' && concurrency !== 'Forbid' && concurrency !== 'Replace') {
    throw invalid(spec.at('concurrencyPolicy'), 'must be Allow, Forbid or Replace')
  }
  return {
    ...named,
    schedule,
    timeZone,
    concurrency,
    suspended: spec.boolean('suspend') ?? false,
    keepSucceeded: spec.integer('successfulJobsHistoryLimit') ?? 3,
    keepFailed: spec.integer('failedJobsHistoryLimit') ?? 1,
    job: parseJob(spec.requiredChild('jobTemplate').requiredChild('spec'), context),
  }
}

/** The template of pods that stay, which the selector must fit. */
function serving(spec: Fields, kind: string, context: ParseContext, claims?: readonly string[]): PodTemplate {
  const template = parseTemplate(spec.requiredChild('template'), context, claims)
  const selectorFields = spec.requiredChild('selector')
  selectorFields.only(['matchLabels'])
  const selector = selectorFields.textMap('matchLabels')
  if (Object.keys(selector).length === 0) throw invalid(selectorFields.at('matchLabels'), 'is required')
  for (const [label, wanted] of Object.entries(selector)) {
    if (template.labels[label] === wanted) continue
    throw invalid(
      `${selectorFields.at('matchLabels')}.${label}`,
      'does not match the labels of spec.template.metadata: write the same label with the same value there',
    )
  }
  if (template.spec.restartPolicy !== 'Always') {
    throw invalid('spec.template.spec.restartPolicy', `must be Always in a ${kind}`)
  }
  return template
}

function replicasOf(spec: Fields): number {
  return spec.integer('replicas', 0, MOST_PODS) ?? 1
}

/** Each claim template is a volume of that name; which one, the pod's own name says (controllers/stateful-set.ts). */
function withClaims(spec: unknown, claims: readonly string[]): unknown {
  if (claims.length === 0 || typeof spec !== 'object' || spec === null) return spec
  const { volumes } = spec as { volumes?: unknown }
  const own = Array.isArray(volumes) ? (volumes as unknown[]) : []
  const added = claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name } }))
  return { ...spec, volumes: [...own, ...added] }
}

/** Kubernetes' defaults are 25 % each; surge is rounded up, unavailable down, and one of them is above 0. */
function parseStrategy(spec: Fields, replicas: number): ReplicatedObject['strategy'] {
  const strategy = spec.child('strategy')
  if (strategy?.string('type') === 'Recreate') return 'recreate'
  const rolling = strategy?.child('rollingUpdate')
  const amount = (name: string, round: (value: number) => number): number => {
    const value = rolling?.raw[name] ?? '25%'
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
    const percent = typeof value === 'string' ? /^(\d{1,3})%$/.exec(value) : null
    if (!percent) {
      throw invalid(
        rolling?.at(name) ?? 'spec.strategy',
        'must be a number of pods or a percentage such as 25%',
      )
    }
    return round((Number(percent[1]) * replicas) / 100)
  }
  const maxUnavailable = amount('maxUnavailable', Math.floor)
  const maxSurge = amount('maxSurge', Math.ceil)
  return { maxUnavailable, maxSurge: maxSurge + maxUnavailable === 0 ? 1 : maxSurge }
}
