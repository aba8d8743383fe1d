import { LineCounter, parseAllDocuments } from 'yaml'
import type { Document } from 'yaml'
import { WeftError } from '../../core/errors.ts'
import { injectPod } from '../../injector/inject-pod.ts'
import type { Json, JsonObject, PatchOperation } from '../../injector/json-patch.ts'
import type { InjectorSettings } from '../../injector/settings.ts'
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

/**
 * Injects every pod and workload of a YAML (or JSON) text, as the webhook would inject its pods; all other objects pass.
 * `origin`: for errors. Throws WeftError `inject.yaml` or `inject.object` that says where.
 */
export function injectText(
  text: string,
  origin: string,
  options: { readonly namespace: string; readonly settings: InjectorSettings },
): { readonly documents: readonly Document[]; readonly results: readonly InjectResult[] } {
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter: lines })
  const documents = ('empty' in parsed ? [] : parsed).filter(({ contents }) => contents !== null)
  const results = documents.flatMap((document, at) => {
    const [error] = document.errors
    if (error) {
      const { line, col } = lines.linePos(error.pos[0])
      const [message = ''] = error.message.split('\n')
      const said = message.replace(/ at line \d+, column \d+:?$/, '')
      throw new WeftError('inject.yaml', said, { field: `${origin}:${line}:${col}` })
    }
    try {
      const templates = podTemplates(document.toJS() as Json)
      return templates.map((template) => injectTemplate(document, template, options))
    } catch (error) {
      // Of the YAML reader itself: an alias of nothing, too many of them.
      const cause = error instanceof WeftError ? error : new WeftError('inject.yaml', String(error))
      const place = `${origin}, document ${at + 1}`
      throw new WeftError('inject.object', cause.message, {
        field: cause.field === undefined ? place : `${place}: ${cause.field}`,
      })
    }
  })
  return { documents, results }
}

function injectTemplate(
  document: Document,
  template: PodTemplate,
  options: { readonly namespace: string; readonly settings: InjectorSettings },
): InjectResult {
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
    const { patch, injected, reason, warnings } = injectPod(pod, { name: namespace }, options.settings)
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
