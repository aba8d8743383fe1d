import { didYouMean } from '../../core/closest-name.ts'
import type { FieldPath } from '../../control-plane/registry/fields.ts'
import { listOf, mapOf, textOf, type WrittenObject } from './checked.ts'

/** What an object makes pods from, as it was written; of a Pod itself. */
export interface PodTemplate<O extends WrittenObject = WrittenObject> {
  readonly object: O
  /** Where it stands: [] of a Pod, `spec.template` of a Deployment. */
  readonly path: FieldPath
  readonly metadata: Readonly<Record<string, unknown>>
  readonly spec: Readonly<Record<string, unknown>>
}

export interface WrittenContainer {
  readonly path: FieldPath
  readonly raw: Readonly<Record<string, unknown>>
  readonly ports: readonly string[]
}

const PATHS: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  // Of Argo Rollouts, in place of a Deployment.
  Rollout: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
}

export function podTemplateOf<O extends WrittenObject>(object: O): PodTemplate<O> | undefined {
  const path = Object.hasOwn(PATHS, object.kind) ? PATHS[object.kind] : undefined
  if (!path) return undefined
  const template = path.reduce<Readonly<Record<string, unknown>>>((map, step) => mapOf(map[step]), object.raw)
  return { object, path, metadata: mapOf(template['metadata']), spec: mapOf(template['spec']) }
}

/** Its containers of both lists, with the names of their ports. */
export function containersOf({ path, spec }: PodTemplate): WrittenContainer[] {
  return ['initContainers', 'containers'].flatMap((list) =>
    listOf(spec[list]).map((value, index) => {
      const raw = mapOf(value)
      const ports = listOf(raw['ports']).flatMap((port) => textOf(mapOf(port)['name']) || [])
      return { path: [...path, 'spec', list, index], raw, ports }
    }),
  )
}

/** Labels or annotations that are text. */
export function textsOf(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(mapOf(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

export function matches(
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value)
}

/** What to write for the name of a port that is none of `names`. */
export function portNameRemedy(written: string, names: readonly string[]): string {
  if (/^\d+$/.test(written)) return `write ${written}, without quotes: in quotes it is a name`
  const otherwise =
    names.length === 0
      ? 'write the number of the port, or give a port of the container that name'
      : `named ports are ${names.join(', ')}`
  return didYouMean(written, names, otherwise)
}
