import packageJson from '../../package.json' with { type: 'json' }
import { LINT_IGNORE } from '../../core/checks/lint-ignore.ts'
import { didYouMean } from '../../core/closest-name.ts'
import { ANNOTATION_PREFIX, INJECT_LABEL, STATUS_ANNOTATION } from '../../core/contract.ts'
import { describeError } from '../../core/errors.ts'
import { ROUTE_LOG_SETTINGS, telemetryProblem } from '../../core/telemetry-settings.ts'
import type { Problem } from '../../core/problem.ts'
import { remedyOf } from '../../control-plane/problems/remedy.ts'
import { RETRY_ANNOTATION } from '../../control-plane/translate/rules.ts'
import { annotations, readAnnotations } from '../../injector/annotations.ts'
import { injectPod } from '../../injector/inject-pod.ts'
import { defaultSettings } from '../../injector/settings.ts'
import { mapOf, problemOf, textOf, type CheckedObject } from './checked.ts'
import {
  containersOf,
  podTemplateOf,
  textsOf,
  type PodTemplate,
  portNameRemedy,
  type WrittenContainer,
} from './pod-templates.ts'

const POD_ANNOTATIONS = Object.keys(annotations).map((name) => ANNOTATION_PREFIX + name)
const ROUTE_LOG_ANNOTATIONS = ROUTE_LOG_SETTINGS.map((name) => ANNOTATION_PREFIX + name)
const PROBES = ['startupProbe', 'readinessProbe', 'livenessProbe']
const SETTINGS = defaultSettings(packageJson.version)

/** What pods of these objects could not do, and what the injector says of them; annotations of Weft on whatever there is. */
export function podProblems(objects: readonly CheckedObject[]): Problem[] {
  const namespaces = new Map(
    objects
      .filter(({ kind }) => kind === 'Namespace')
      .map(({ name, raw }) => [name, textsOf(mapOf(raw['metadata'])['labels'])]),
  )
  return objects.flatMap((object) => {
    const template = podTemplateOf(object)
    if (!template) return annotationProblems(object, undefined)
    const said = injectorProblems(template, namespaces.get(object.namespace) ?? {})
    const stray = template.path.length > 0 ? annotationProblems(object, template) : []
    return [
      ...stray,
      ...said,
      ...containersOf(template).flatMap((container) => containerProblems(object, container)),
    ]
  })
}

/** `weft.dev/...` on objects where it decides nothing. */
function annotationProblems(object: CheckedObject, template: PodTemplate | undefined): Problem[] {
  const route = object.kind === 'HTTPRoute' || object.kind === 'GRPCRoute'
  const known = route ? [RETRY_ANNOTATION, ...ROUTE_LOG_ANNOTATIONS] : []
  return Object.entries(mapOf(mapOf(object.raw['metadata'])['annotations'])).flatMap(([key, text]) => {
    const setting = route && ROUTE_LOG_SETTINGS.find((name) => key === ANNOTATION_PREFIX + name)
    const wrong = setting && typeof text === 'string' && telemetryProblem(setting, text)
    if (wrong)
      return [
        problemOf(
          object,
          'WEFT0007',
          ['metadata', 'annotations', key],
          'warning',
          `counts as absent: ${wrong}`,
          'write what docs/annotations.md has for it',
        ),
      ]
    const ours = key.startsWith(ANNOTATION_PREFIX) && key !== INJECT_LABEL && key !== LINT_IGNORE
    if (!ours || known.includes(key)) return []
    const pods = template ? `${template.path.join('.')}.metadata.annotations` : 'the annotations of a pod'
    const otherwise = POD_ANNOTATIONS.includes(key)
      ? `write it in ${pods}`
      : 'take it out; docs/annotations.md lists those of pods'
    const message = `decides nothing on a ${object.kind}`
    return [
      problemOf(
        object,
        'WEFT0007',
        ['metadata', 'annotations', key],
        'warning',
        message,
        didYouMean(key, known, otherwise),
      ),
    ]
  })
}

/** As the webhook would answer, for each template once. */
function injectorProblems(
  { object, path, metadata, spec }: PodTemplate,
  namespaceLabels: Record<string, string>,
): Problem[] {
  const own = textsOf(metadata['annotations'])
  const said = new Set(readAnnotations(new Map(Object.entries(own))).warnings)
  try {
    // Of what is wrong in itself all was said. Annotations also where no sidecar comes: it may be a mistake that keeps it away.
    if ((object as CheckedObject).parsed !== undefined) {
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { generateName: `${object.name}-`, ...metadata },
        spec,
      }
      const { warnings } = injectPod(pod, { name: object.namespace, labels: namespaceLabels }, SETTINGS)
      for (const warning of warnings) said.add(warning)
    }
  } catch (error) {
    const message = `the injector refuses its pods: ${describeError(error)}`
    return [problemOf(object, 'WEFT0405', path, 'error', message, 'correct the field that it names')]
  }
  return [...said].flatMap((warning) => injectorProblem({ object, path, metadata, spec }, warning))
}

/** What the injector warned of, at the annotation that it is about, or at the pod's spec. */
export function injectorProblem({ object, path, metadata }: PodTemplate, said: string): Problem[] {
  const warning = said.replace(/^weft: /, '')
  const own = textsOf(metadata['annotations'])
  // Labels are told as such.
  if (warning.startsWith('label ')) return []
  const [, key, text = ''] = /^annotation (\S+) (.*)$/s.exec(warning) ?? []
  if (key === undefined || key === STATUS_ANNOTATION || !Object.hasOwn(own, key)) {
    return [problemOf(object, 'WEFT0404', [...path, 'spec'], 'warning', warning, cautionRemedy(warning))]
  }
  const field = [...path, 'metadata', 'annotations', key]
  return [problemOf(object, 'WEFT0403', field, 'warning', text, annotationRemedy(key, own[key] ?? '', text))]
}

function annotationRemedy(key: string, value: string, text: string): string {
  if (text.startsWith('is unknown')) {
    return didYouMean(
      key,
      [...POD_ANNOTATIONS, INJECT_LABEL],
      'take it out; docs/annotations.md lists those that are there',
    )
  }
  const [, why = ''] = /^is ignored: (.*)$/s.exec(text) ?? []
  const remedy = why.startsWith('must be')
    ? remedyOf(key, `${why}, got ${JSON.stringify(value)}`)
    : 'write another value'
  return `${remedy} (docs/annotations.md)`
}

function cautionRemedy(warning: string): string {
  if (warning.includes('bypasses the mesh')) return 'run it as another user and group'
  if (warning.includes('belongs to the sidecar')) return 'let it listen on another port'
  if (warning.startsWith('not injected')) return `mend that, or say so: ${INJECT_LABEL}: disabled`
  return 'docs/admission.md says what follows from it'
}

function containerProblems(object: CheckedObject, { path, raw, ports }: WrittenContainer): Problem[] {
  return [...commandProblems(object, path, raw), ...probePortProblems(object, path, raw, ports)]
}

/** A folder has no entry point, so an image of one machine starts nothing by itself. */
function commandProblems(
  object: CheckedObject,
  path: WrittenContainer['path'],
  raw: WrittenContainer['raw'],
): Problem[] {
  const runs = object.parsed !== undefined && object.parsed.kind !== 'other'
  if (!runs || raw['command'] !== undefined || raw['args'] !== undefined) return []
  const message = 'is required on one machine: a folder as an image has no entry point of its own'
  return [
    problemOf(
      object,
      'WEFT0010',
      [...path, 'command'],
      'error',
      message,
      'add the command line, such as command: [node, server.ts]',
    ),
  ]
}

function probePortProblems(
  object: CheckedObject,
  path: WrittenContainer['path'],
  raw: WrittenContainer['raw'],
  names: readonly string[],
): Problem[] {
  return PROBES.flatMap((probe) =>
    ['httpGet', 'tcpSocket'].flatMap((action) => {
      const port = textOf(mapOf(mapOf(raw[probe])[action])['port'])
      if (port === '' || names.includes(port)) return []
      const message = `the container has no port named ${port}`
      const remedy = portNameRemedy(port, names)
      return [problemOf(object, 'WEFT0407', [...path, probe, action, 'port'], 'error', message, remedy)]
    }),
  )
}
