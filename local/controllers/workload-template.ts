import type { JobObject, PodTemplate, StatefulSetObject } from '../manifest/objects.ts'
import type { PodSpec } from '../manifest/pod-spec.ts'

interface RawSpec {
  readonly containers?: readonly RawContainer[]
  readonly initContainers?: readonly RawContainer[]
  readonly volumes?: readonly { readonly name?: unknown }[]
}

interface RawContainer {
  readonly env?: readonly unknown[]
}

/** The pod of one ordinal: its name is its host name, and its claims are its own. */
export function ordinalTemplate(set: StatefulSetObject, ordinal: number): PodTemplate {
  const hostname = `${set.name}-${ordinal}`
  const subdomain = set.serviceName === '' ? undefined : set.serviceName
  const { volumes = [] } = set.template.raw.spec as RawSpec
  const labels = {
    'apps.kubernetes.io/pod-index': String(ordinal),
    'statefulset.kubernetes.io/pod-name': hostname,
  }
  const claimName = (claim: string) => `${claim}-${hostname}`
  const raw = {
    hostname,
    ...(subdomain === undefined ? {} : { subdomain }),
    volumes: volumes.map((volume) =>
      typeof volume.name === 'string' && set.claims.includes(volume.name)
        ? { name: volume.name, persistentVolumeClaim: { claimName: claimName(volume.name) } }
        : volume,
    ),
  }
  return changed(set.template, labels, raw, {
    hostname,
    subdomain,
    volumes: set.template.spec.volumes.map((volume) =>
      volume.type === 'claim' && set.claims.includes(volume.name)
        ? { ...volume, claim: claimName(volume.name) }
        : volume,
    ),
  })
}

export function jobTemplate(job: JobObject): PodTemplate {
  return changed(job.template, jobLabels(job), {}, {})
}

/** The pod of one number of an indexed Job: it is told by the variable JOB_COMPLETION_INDEX. */
export function indexedTemplate(job: JobObject, index: number): PodTemplate {
  const entry = { name: 'JOB_COMPLETION_INDEX', value: String(index) }
  const raw = job.template.raw.spec as RawSpec
  const told = (containers: readonly RawContainer[] = []) =>
    containers.map((container) => ({ ...container, env: [...(container.env ?? []), entry] }))
  const { spec } = job.template
  const hostname = `${job.name}-${index}`
  return changed(
    job.template,
    { ...jobLabels(job), 'batch.kubernetes.io/job-completion-index': entry.value },
    { hostname, containers: told(raw.containers), initContainers: told(raw.initContainers) },
    {
      hostname,
      containers: spec.containers.map((one) => ({ ...one, env: [...one.env, entry] })),
      initContainers: spec.initContainers.map((one) => ({ ...one, env: [...one.env, entry] })),
    },
  )
}

function jobLabels(job: JobObject): Readonly<Record<string, string>> {
  return { 'job-name': job.name, 'batch.kubernetes.io/job-name': job.name }
}

/** The same template, by its hash, with more labels and other fields: as written and as understood. */
function changed(
  template: PodTemplate,
  more: Readonly<Record<string, string>>,
  raw: object,
  parsed: Partial<PodSpec>,
): PodTemplate {
  const labels = { ...template.labels, ...more }
  return {
    ...template,
    labels,
    raw: {
      metadata: { ...template.raw.metadata, labels },
      spec: { ...(template.raw.spec as object), ...raw },
    },
    spec: { ...template.spec, ...parsed },
  }
}
