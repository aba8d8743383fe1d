import { readAnnotations } from './annotations.ts'
import { cautions, labelCautions } from './cautions.ts'
import { initContainer, proxyContainer } from './containers.ts'
import {
  CAPTURE_ANNOTATION,
  INIT_CONTAINER,
  INJECTED_LABEL,
  PROXY_CONTAINER,
  STATUS_ANNOTATION,
} from '../core/contract.ts'
import { decide } from '../core/injection/decide.ts'
import type { Decision, NamespaceView, Reason } from '../core/injection/decide.ts'
import { escapePointer } from './json-patch.ts'
import type { JsonObject, PatchOperation } from './json-patch.ts'
import { readPod } from './pod.ts'
import type { PodView } from './pod.ts'
import { podResource } from './pod-resource.ts'
import { podSettings, type PodSettings } from './pod-settings.ts'
import { rewriteProbes } from './probes.ts'
import { cameInjected, reinjectPod } from './reinject.ts'
import { captureArgs } from './rules/flags.ts'
import { readObject } from './shape.ts'
import type { InjectorSettings } from './settings.ts'
import { STITCH_VOLUME, stitchContainers, stitchVolume } from './stitching.ts'
import { sidecarVolumes, VOLUME_NAMES } from './volumes.ts'

const RESERVED_VOLUMES = [...VOLUME_NAMES, STITCH_VOLUME]

export interface Injection {
  /** The pod gets a sidecar by this patch. */
  readonly injected: boolean
  readonly reason: Reason
  /** The API server asks for a second time, because another webhook changed the pod after the first. */
  readonly again: boolean
  /** RFC 6902; where it is asked again, what containers that came meanwhile need. */
  readonly patch: PatchOperation[]
  /** For whoever created the pod; one line each, short enough for the API server. */
  readonly warnings: string[]
  /** The pod's name for people. */
  readonly podName: string
}

/** The parts of a namespace that decide; labels undefined where a selector has decided already. */
export interface PodNamespace {
  readonly name: string
  readonly labels?: Readonly<Record<string, string>> | undefined
}

/**
 * Decides on a core/v1 Pod as it came from its author and returns the JSON Patch that injects it. Pure:
 * the webhook and `weft inject` call it alike. Throws a WeftError
 * `document.invalid` with the field's path when the object is no pod.
 */
export function injectPod(pod: unknown, namespace: PodNamespace, settings: InjectorSettings): Injection {
  const view = readPod(pod)
  const home: NamespaceView = {
    name: namespace.name,
    labels: namespace.labels && new Map(Object.entries(namespace.labels)),
  }
  const decision = decide({
    pod: view,
    namespace: home,
    excludedNamespaces: settings.excludedNamespaces,
    reservedVolumes: RESERVED_VOLUMES,
  })
  const notes = labelCautions(view, home)
  if (decision.warning !== undefined) notes.push(decision.warning)
  if (decision.reason === 'already-injected') {
    const given = readObject(pod, 'object')
    const own = cameInjected(given)
    if (own) notes.push('left as it is: the pod has its sidecar already')
    const { patch, notes: more } = reinjectPod(given, view)
    return { ...result(view, decision, patch, [...notes, ...more]), again: !own }
  }
  if (!decision.inject) return result(view, decision, [], notes)

  const annotated = readAnnotations(view.annotations)
  const own = podSettings(settings, annotated.options)
  const probes = own.settings.rewriteProbes ? rewriteProbes(view) : undefined
  const stitching = own.settings.stitchTraces ? stitchContainers(readObject(pod, 'object'), view) : undefined
  const volumes = [...sidecarVolumes(settings.trustBundleSigner), ...(stitching ? [stitchVolume] : [])]
  notes.push(
    ...annotated.warnings,
    ...own.warnings,
    ...(probes?.warnings ?? []),
    ...(stitching?.warnings ?? []),
  )
  notes.push(...cautions(view, home, own.settings))
  const init = initContainer(own.settings)
  const proxy = proxyContainer(own.settings, probes?.probes ?? {}, podResource(view))
  const patch: PatchOperation[] = [
    // First, while the containers have the places that they came with.
    ...(probes?.operations ?? []),
    ...(stitching?.operations ?? []),
    ...insertContainers(view, own.settings.order, init, proxy),
    ...append(view.has.volumes, '/spec/volumes', volumes),
    ...mark(view, own.settings),
  ]
  return result(view, decision, patch, notes)
}

/**
 * Native: rules, then the sidecar, then the pod's own init containers, which so have the mesh already.
 * Classic: the rules come last, because nobody would answer for the pod's own init containers before.
 */
function insertContainers(
  pod: PodView,
  order: InjectorSettings['order'],
  init: JsonObject,
  proxy: JsonObject,
): PatchOperation[] {
  if (order === 'classic') {
    return [
      ...append(pod.has.initContainers, '/spec/initContainers', [init]),
      { op: 'add', path: '/spec/containers/0', value: proxy },
    ]
  }
  if (!pod.has.initContainers) return [{ op: 'add', path: '/spec/initContainers', value: [init, proxy] }]
  return [
    { op: 'add', path: '/spec/initContainers/0', value: init },
    { op: 'add', path: '/spec/initContainers/1', value: proxy },
  ]
}

// RFC 6902 section 4.1: `add` also replaces a member, so a list that is null becomes ours.
function append(exists: boolean, path: string, items: JsonObject[]): PatchOperation[] {
  if (!exists) return [{ op: 'add', path, value: items }]
  return items.map((value) => ({ op: 'add', path: `${path}/-`, value }))
}

function mark(pod: PodView, settings: PodSettings): PatchOperation[] {
  const native = settings.order === 'native'
  const status = JSON.stringify({
    version: settings.version,
    order: settings.order,
    initContainers: native ? [INIT_CONTAINER, PROXY_CONTAINER] : [INIT_CONTAINER],
    containers: native ? [] : [PROXY_CONTAINER],
    volumes: [...VOLUME_NAMES, ...(settings.stitchTraces ? [STITCH_VOLUME] : [])],
  })
  return [
    ...(pod.has.metadata ? [] : [{ op: 'add' as const, path: '/metadata', value: {} }]),
    ...members(pod.has.annotations, 'annotations', {
      [STATUS_ANNOTATION]: status,
      ...(settings.cni ? { [CAPTURE_ANNOTATION]: JSON.stringify(captureArgs(settings.capture)) } : {}),
    }),
    ...members(pod.has.labels, 'labels', { [INJECTED_LABEL]: 'true' }),
  ]
}

function members(
  exist: boolean,
  map: 'annotations' | 'labels',
  added: Readonly<Record<string, string>>,
): PatchOperation[] {
  if (!exist) return [{ op: 'add', path: `/metadata/${map}`, value: { ...added } }]
  return Object.entries(added).map(([key, value]) => ({
    op: 'add',
    path: `/metadata/${map}/${escapePointer(key)}`,
    value,
  }))
}

// The API server cuts a warning at 256 bytes and drops all beyond 4096.
const MAX_WARNING = 200
const MAX_WARNINGS = 16

function result(pod: PodView, decision: Decision, patch: PatchOperation[], notes: string[]): Injection {
  const lines = notes.slice(0, MAX_WARNINGS).map(warning)
  if (notes.length > MAX_WARNINGS) lines.push(`weft: and ${notes.length - MAX_WARNINGS} more warnings`)
  const { inject: injected, reason } = decision
  return { injected, reason, again: false, patch, warnings: lines, podName: pod.displayName }
}

function warning(note: string): string {
  const line = `weft: ${note}`.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ')
  return line.length > MAX_WARNING ? `${line.slice(0, MAX_WARNING - 3)}...` : line
}
