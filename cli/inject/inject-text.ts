import { LineCounter, parseAllDocuments } from 'yaml'
import type { Document } from 'yaml'
import { expansionProblem, MOST_ALIASES, outOfBounds } from '../../control-plane/registry/yaml-bounds.ts'
import { WeftError } from '../../core/errors.ts'
import { injectPod } from '../../injector/inject-pod.ts'
import type { Json, JsonObject, PatchOperation } from '../../injector/json-patch.ts'
import type { InjectorSettings } from '../../injector/settings.ts'
import { namespaceLabels } from './namespace-labels.ts'
import type { Labels } from './namespace-labels.ts'
import { patchDocument } from './edit-document.ts'
import { pathText, podTemplates, type PodTemplate } from './pod-templates.ts'

/** What became of one pod or workload. */
export interface InjectResult {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly injected: boolean
  /** Why, or why not: see docs/annotations.md. */
  readonly reason: string
  readonly warnings: readonly string[]
}

/** A text as it was read. */
export interface ParsedText {
  readonly origin: string
  readonly documents: readonly Document[]
  /** Of each document, in the same order. */
  readonly templates: readonly (readonly PodTemplate[])[]
  /** Of the Namespaces in it. */
  readonly namespaces: ReadonlyMap<string, Labels>
}

export interface InjectOptions {
  /** Of objects that name none. */
  readonly namespace: string
  readonly settings: InjectorSettings
  /** What is known of namespaces; of one that is not in it nothing is known. */
  readonly namespaces: ReadonlyMap<string, Labels>
}

/** Why a pod got a sidecar whose namespace is not known: if that is labelled, the webhook would say `namespace-enabled`. */
export const NAMESPACE_UNKNOWN = 'namespace-unknown'

/** Reads a YAML (or JSON) text. `origin`: for errors. Throws WeftError `inject.yaml` or `inject.object` that says where. */
export function parseText(text: string, origin: string): ParsedText {
  const beyond = outOfBounds(text)
  if (beyond !== undefined)
    throw new WeftError('inject.yaml', `${beyond}: write less, or in several files`, { field: origin })
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter: lines })
  const documents = ('empty' in parsed ? [] : parsed).filter(({ contents }) => contents !== null)
  const namespaces = new Map<string, Labels>()
  const templates = documents.map((document, at) => {
    const [error] = document.errors
    if (error) {
      const { line, col } = lines.linePos(error.pos[0])
      const [message = ''] = error.message.split('\n')
      const said = message.replace(/ at line \d+, column \d+:?$/, '')
      throw new WeftError('inject.yaml', said, { field: `${origin}:${line}:${col}` })
    }
    return placed(origin, at, () => {
      const json = document.toJS({ maxAliasCount: MOST_ALIASES }) as Json
      for (const [name, labels] of namespaceLabels(json)) namespaces.set(name, labels)
      return podTemplates(json)
    })
  })
  return { origin, documents, templates, namespaces }
}

/**
 * Injects every pod and workload of a text, as the webhook would inject its pods; all other objects pass. The documents are
 * changed in place. Throws WeftError `inject.object` that says where.
 */
export function injectText(parsed: ParsedText, options: InjectOptions): readonly InjectResult[] {
  return parsed.documents.flatMap((document, at) =>
    placed(parsed.origin, at, () =>
      (parsed.templates[at] ?? []).map((template) => injectTemplate(document, template, options)),
    ),
  )
}

/** An error of the YAML reader, too: an alias of nothing, too many of them. */
function placed<T>(origin: string, at: number, task: () => T): T {
  try {
    return task()
  } catch (error) {
    const cause = error instanceof WeftError ? error : new WeftError('inject.yaml', expansionProblem(error))
    const place = `${origin}, document ${at + 1}`
    throw new WeftError('inject.object', cause.message, {
      field: cause.field === undefined ? place : `${place}: ${cause.field}`,
    })
  }
}

function injectTemplate(document: Document, template: PodTemplate, options: InjectOptions): InjectResult {
  const { kind, name, path } = template
  const namespace = template.namespace ?? options.namespace
  const before: PatchOperation[] = isPresent(template.pod['metadata'])
    ? []
    : [{ op: 'add', path: '/metadata', value: {} }]
  const metadata = { ...(template.pod['metadata'] as JsonObject | null) }
  // The webhook sees pods that say whose they are.
  if (kind !== 'Pod') metadata['ownerReferences'] = [{ kind, name, controller: true }]
  try {
    const pod = { ...template.pod, metadata }
    const labels = options.namespaces.get(namespace)
    const injection = injectPod(pod, { name: namespace, labels }, options.settings)
    const { patch, injected, warnings } = injection
    const assumed = labels === undefined && injection.reason === 'namespace-enabled'
    const reason = assumed ? NAMESPACE_UNKNOWN : injection.reason
    if (patch.length > 0) patchDocument(document, path, [...before, ...patch])
    return { kind, namespace, name, injected, reason, warnings }
  } catch (error) {
    if (!(error instanceof WeftError)) throw error
    const field = [pathText(path), error.field].filter(Boolean).join('.')
    throw new WeftError('inject.object', error.message, { field })
  }
}

function isPresent(value: Json | undefined): boolean {
  return value !== undefined && value !== null
}
