// Names of a workload in telemetry, by OpenTelemetry's rules for Kubernetes
// (https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes/). docs/telemetry-names.md says the order.

/** Before the name of an attribute, on a pod: its owner says the value itself. */
export const RESOURCE_ANNOTATION_PREFIX = 'resource.opentelemetry.io/'
/** https://kubernetes.io/docs/reference/labels-annotations-taints/ */
const INSTANCE_LABEL = 'app.kubernetes.io/instance'
const NAME_LABEL = 'app.kubernetes.io/name'
const VERSION_LABEL = 'app.kubernetes.io/version'
/** The Deployment's controller puts it on its pods, and at the end of the ReplicaSet's name. */
const TEMPLATE_HASH_LABEL = 'pod-template-hash'

/** Characters of a value, and number of those that annotations set: whoever writes a pod pays for it in every report. */
const LONGEST_VALUE = 255
const MOST_ANNOTATED = 32
/** OpenTelemetry's names: words of lower-case letters, digits and `_`, between dots. */
const ATTRIBUTE_NAME = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/

/** The controller of a pod, of `metadata.ownerReferences`. */
export interface PodOwner {
  readonly kind: string
  readonly name: string
}

/** What of a pod names it. */
export interface NamedPod {
  /** '' where nobody has given it one yet. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly owner: PodOwner | undefined
}

/** In the order in which they name a service: from what owns to what is owned. */
const OWNERS: Readonly<Record<string, (owner: PodOwner, pod: NamedPod) => readonly Attribute[]>> = {
  Deployment: ({ name }) => [['k8s.deployment.name', name]],
  ReplicaSet({ name }, { labels }) {
    const deployment = withoutEnd(name, `-${labels[TEMPLATE_HASH_LABEL] ?? ''}`)
    return [
      ...(deployment === undefined ? [] : [['k8s.deployment.name', deployment] as const]),
      ['k8s.replicaset.name', name],
    ]
  },
  StatefulSet: ({ name }) => [['k8s.statefulset.name', name]],
  DaemonSet: ({ name }) => [['k8s.daemonset.name', name]],
  CronJob: ({ name }) => [['k8s.cronjob.name', name]],
  Job({ name }) {
    const cronJob = cronJobOf(name)
    return [
      ...(cronJob === undefined ? [] : [['k8s.cronjob.name', cronJob] as const]),
      ['k8s.job.name', name],
    ]
  },
}

type Attribute = readonly [name: string, value: string]

/** `k8s.deployment.name` and so on of who owns the pod, the topmost first; none of a pod by itself. */
export function ownerAttributes(pod: NamedPod): readonly Attribute[] {
  const { owner } = pod
  if (!owner || owner.name === '' || !Object.hasOwn(OWNERS, owner.kind)) return []
  return OWNERS[owner.kind]?.(owner, pod) ?? []
}

/** `service.name` of a pod; '' where nothing names it and its own name is not known yet. */
export function serviceName(pod: NamedPod): string {
  const { annotations, labels } = pod
  return firstOf(
    annotations[`${RESOURCE_ANNOTATION_PREFIX}service.name`],
    labels[INSTANCE_LABEL],
    labels[NAME_LABEL],
    ...ownerAttributes(pod).map(([, name]) => name),
    pod.name,
  )
}

/** `service.version` of a pod whose application has this image; '' where nothing says it. */
export function serviceVersion({ annotations, labels }: NamedPod, image: string): string {
  return firstOf(
    annotations[`${RESOURCE_ANNOTATION_PREFIX}service.version`],
    labels[VERSION_LABEL],
    imageVersion(image),
  )
}

/**
 * What annotations say of other attributes. Those of `k8s.*` are facts of the pod that nobody else sets, and a name that is
 * none is left out.
 */
export function annotatedAttributes({ annotations }: NamedPod): readonly Attribute[] {
  return Object.entries(annotations)
    .filter(([key]) => key.startsWith(RESOURCE_ANNOTATION_PREFIX))
    .map(([key, value]): Attribute => [key.slice(RESOURCE_ANNOTATION_PREFIX.length), firstOf(value)])
    .filter(([name, value]) => ATTRIBUTE_NAME.test(name) && !name.startsWith('k8s.') && value !== '')
    .slice(0, MOST_ANNOTATED)
}

/** As OTEL_RESOURCE_ATTRIBUTES has them: https://opentelemetry.io/docs/specs/otel/resource/sdk/ */
export function formatResourceAttributes(attributes: Iterable<Attribute>): string {
  return [...attributes].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join(',')
}

/** The reverse. By the same specification a text that is wrong anywhere is left out as a whole. */
export function parseResourceAttributes(text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>()
  for (const pair of text.split(',').map((one) => one.trim())) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    const name = pair.slice(0, Math.max(at, 0)).trim()
    const value = decoded(pair.slice(at + 1).trim())
    if (name === '' || value === undefined) return new Map()
    attributes.set(name, value)
  }
  return attributes
}

function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value)
  } catch {
    return undefined
  }
}

/** The first that says something, without blanks around it, and not longer than a name is. */
function firstOf(...values: readonly (string | undefined)[]): string {
  const found = values.map((value) => value?.trim() ?? '').find((value) => value !== '') ?? ''
  return found.length > LONGEST_VALUE ? found.slice(0, LONGEST_VALUE).toWellFormed() : found
}

/**
 * Jobs of a CronJob are called by it and the minute that they are for, since the epoch
 * (https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/). A date such as 20260131 is no such minute.
 */
function cronJobOf(job: string): string | undefined {
  const [, name, minutes] = /^(.+)-(\d{8})$/.exec(job) ?? []
  const FIRST = 26_000_000 // June 2019, before any CronJob called its Jobs so.
  return Number(minutes) >= FIRST ? name : undefined
}

/** `<tag>@<digest>`, `<digest>` or `<tag>` of an image reference (github.com/distribution/reference). */
function imageVersion(image: string): string {
  const [name = '', digest = ''] = image.split('@', 2)
  // A colon before a slash is that of the registry's port.
  const tag = /:([\w][\w.-]{0,127})$/.exec(name.slice(name.lastIndexOf('/') + 1))?.[1] ?? ''
  return [tag, digest].filter((part) => part !== '').join('@')
}

function withoutEnd(text: string, end: string): string | undefined {
  return end.length > 1 && text.length > end.length && text.endsWith(end)
    ? text.slice(0, -end.length)
    : undefined
}
