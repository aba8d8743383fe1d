import { ANNOTATION_PREFIX, FIELD_CASE, FORWARDED_HEADERS } from '../../core/contract.ts'
import { PLAIN_HEADS, type HeadRules } from '../model/head-rules.ts'
import type { PodObject } from '../registry/kinds/core.ts'

const FORWARDED = ['off', 'append', 'sanitize'] as const

/**
 * What the pod's annotations say of the heads that its application gets. A word that is unknown counts as absent: the
 * injector has warned whoever made the pod. Pods that say nothing share one object.
 */
export function headRulesOf(pod: PodObject): HeadRules {
  const said = (name: string): string | undefined => pod.meta.annotations[ANNOTATION_PREFIX + name]?.trim()
  const fieldCase = said(FIELD_CASE) === 'lower' ? 'lower' : 'keep'
  const forwarded = FORWARDED.find((word) => word === said(FORWARDED_HEADERS)) ?? 'off'
  return fieldCase === 'keep' && forwarded === 'off' ? PLAIN_HEADS : { fieldCase, forwarded }
}
