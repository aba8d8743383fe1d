import { CONTROLLER_NAME } from '../../core/contract.ts'
import { effectOfCondition } from '../model/effect.ts'
import type { Condition, ParentStatus, RouteProblem, RouteStatus } from '../model/route.ts'
import type { ParentRef } from '../registry/kinds/route.ts'
import { proxylessLimits } from './proxyless.ts'
import type { TranslatedConnectionRoute } from './connection-rules.ts'
import type { TranslatedRoute } from './rules.ts'

export type Translated = TranslatedRoute | TranslatedConnectionRoute

/** How one parentRef of a route ended. */
export type Acceptance =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly reason: string
      readonly message: string
      /** Of the parentRef: `port`; '' for all of it. Undefined where a rule is at fault, not the parent. */
      readonly field: string | undefined
    }

export interface BoundParent {
  readonly ref: ParentRef
  readonly acceptance: Acceptance
  /** It has a port that gRPC is declared for. */
  readonly grpc: boolean
}

/**
 * Conditions per parent, as Gateway API has them. PartiallyInvalid stands there only when it is True, and so does what gRPC
 * clients without a sidecar do otherwise, where such clients are to be expected.
 */
export function routeStatus(translated: Translated, parents: readonly BoundParent[]): RouteStatus {
  const { route } = translated
  return {
    kind: route.kind,
    namespace: route.meta.namespace,
    name: route.meta.name,
    parents: parents.map((parent) => parentStatus(translated, parent)),
  }
}

/** The same as reasons with their places: of each parent that is refused, each rule left out, each reference. */
export function routeProblems(
  { route, dropped, refProblems }: Translated,
  parents: readonly BoundParent[],
): RouteProblem[] {
  const { kind, meta, parentRefs } = route
  const { namespace, name } = meta
  const inForce = parents.some(({ acceptance }) => acceptance.ok)
  const connections = kind === 'TLSRoute' || kind === 'TCPRoute'
  const refused = parents.flatMap(({ ref, acceptance }) => {
    if (acceptance.ok || acceptance.field === undefined) return []
    const place = `spec.parentRefs[${parentRefs.indexOf(ref)}]`
    const field = acceptance.field === '' ? place : `${place}.${acceptance.field}`
    const effect = effectOfCondition('Accepted', inForce, connections)
    return [{ ...acceptance, field, service: `${ref.namespace}/${ref.name}`, effect }]
  })
  const rules = dropped.map((one) => ({
    ...one,
    field: `spec.rules[${one.rule}]`,
    service: undefined,
    effect: effectOfCondition(inForce ? 'PartiallyInvalid' : 'Accepted', inForce, connections),
  }))
  const references = refProblems.map((one) => ({
    ...one,
    effect: effectOfCondition('ResolvedRefs', inForce, connections),
  }))
  return [...refused, ...rules, ...references].map(({ field, reason, message, service, effect }) => ({
    kind,
    namespace,
    name,
    field,
    reason,
    message,
    service,
    effect,
  }))
}

function parentStatus(translated: Translated, { ref, acceptance, grpc }: BoundParent): ParentStatus {
  const { route, dropped, refProblems } = translated
  const generation = route.meta.generation
  const condition = (
    type: Condition['type'],
    status: Condition['status'],
    reason: string,
    message: string,
  ): Condition => ({ type, status, reason, message, observedGeneration: generation })
  const worst = refProblems[0]
  const conditions = [
    acceptance.ok
      ? condition('Accepted', 'True', 'Accepted', 'route is in force')
      : condition('Accepted', 'False', acceptance.reason, acceptance.message),
    worst
      ? condition('ResolvedRefs', 'False', worst.reason, refProblems.map((one) => one.message).join('; '))
      : condition('ResolvedRefs', 'True', 'ResolvedRefs', 'all references are there'),
  ]
  const first = dropped[0]
  if (acceptance.ok && first) {
    const message = dropped.map((one) => `Dropped Rule ${one.rule}: ${one.message}`).join('; ')
    conditions.push(condition('PartiallyInvalid', 'True', first.reason, message))
  }
  const limits = acceptance.ok && (grpc || route.kind === 'GRPCRoute') ? limitsOf(translated) : []
  if (limits.length > 0) {
    const message = `gRPC clients without a sidecar: ${limits.join('; ')}`
    conditions.push(condition('weft.dev/LimitedWithoutSidecar', 'True', 'NotOfGrpcLibraries', message))
  }
  return {
    parentRef: {
      group: ref.group,
      kind: 'Service',
      namespace: ref.namespace,
      name: ref.name,
      ...(ref.port === undefined ? {} : { port: ref.port }),
      ...(ref.sectionName === undefined ? {} : { sectionName: ref.sectionName }),
    },
    controllerName: CONTROLLER_NAME,
    conditions,
  }
}

function limitsOf(translated: Translated): readonly string[] {
  if ('entries' in translated) return proxylessLimits(translated)
  return [`a ${translated.route.kind} does nothing, as they share out calls and not connections`]
}
