import type { ObservedView, ObservedWorkload } from '../../../control-plane/serve/telemetry/observed-view.ts'
import { allowedCalls, type AllowedCall, type Unwritten } from './allowed-calls.ts'
import { certaintyOf, type Certainty } from './certainty.ts'
import { podSelector } from './pod-selector.ts'
import { inParts, MOST_RULES, rulesOf, type WrittenRule } from './rules.ts'

/** What is suggested for the pods of one workload. */
export interface Suggestion {
  readonly namespace: string
  readonly workload: string
  /** `name.namespace` of the Services that lead to it. */
  readonly services: readonly string[]
  /** None: nothing can be allowed, for the reasons that `certainty` tells or as `problem` says. */
  readonly policies: readonly WrittenPolicy[]
  /** Why there is no policy though calls were seen, or what its selector takes in besides. */
  readonly problem: string | undefined
  readonly calls: readonly AllowedCall[]
  readonly unwritten: readonly Unwritten[]
  readonly certainty: Certainty
}

/** An AuthorizationPolicy, as it is applied. */
export interface WrittenPolicy {
  readonly apiVersion: string
  readonly kind: 'AuthorizationPolicy'
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly action: 'ALLOW'
    readonly mode?: 'DryRun'
    readonly rules: readonly WrittenRule[]
  }
}

export interface SuggestOptions {
  readonly namespace: string
  /** Only for pods behind this Service. */
  readonly service?: string | undefined
  /** Policies that decide and are told, and refuse nobody. */
  readonly dryRun?: boolean
}

/**
 * The least policies of ALLOW that let in what was seen, for each workload of a namespace, or for those behind one of its
 * Services.
 */
export function suggestPolicies(
  view: ObservedView,
  { namespace, service, dryRun = false }: SuggestOptions,
): readonly Suggestion[] {
  const own = view.workloads.filter((one) => one.namespace === namespace)
  const names = new Set<string>()
  return own
    .filter((one) => service === undefined || servicesOf(one).includes(`${service}.${namespace}`))
    .map((workload) => {
      const { calls, unwritten } = allowedCalls(workload.calls)
      const selector = podSelector(workload, own)
      const policies =
        selector && calls.length > 0
          ? inParts(rulesOf(calls), MOST_RULES).map((rules) =>
              policyOf(
                { namespace, name: freeName(workload.name, names) },
                {
                  selector: { matchLabels: selector.labels },
                  action: 'ALLOW',
                  ...(dryRun && { mode: 'DryRun' }),
                  rules,
                },
              ),
            )
          : []
      return {
        namespace,
        workload: workload.name,
        services: servicesOf(workload),
        policies,
        problem: problemOf(workload, calls, selector),
        calls,
        unwritten,
        certainty: certaintyOf(view, workload, calls, unwritten),
      }
    })
}

function servicesOf({ pods }: ObservedWorkload): readonly string[] {
  return [...new Set(pods.flatMap(({ services }) => services))].sort()
}

function problemOf(
  { pods }: ObservedWorkload,
  calls: readonly AllowedCall[],
  selector: ReturnType<typeof podSelector>,
): string | undefined {
  if (calls.length === 0) return undefined
  if (pods.length === 0) return 'none of its pods is there any more, so that nothing says how to select them'
  if (!selector) return 'its pods have no label in common by which a policy could select them'
  if (selector.others.length === 0) return undefined
  return `its labels select pods of ${selector.others.join(', ')}, too: these are opened to its callers as well`
}

function policyOf(metadata: WrittenPolicy['metadata'], spec: WrittenPolicy['spec']): WrittenPolicy {
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'AuthorizationPolicy', metadata, spec }
}

/** A name for an object, of the workload's, which may be any text; none is given twice. */
function freeName(workload: string, taken: Set<string>): string {
  const plain = workload
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 200)
    .replaceAll(/^-+|-+$/g, '')
  const base = `${plain === '' ? 'workload' : plain}-observed`
  let name = base
  for (let i = 2; taken.has(name); i++) name = `${base}-${i}`
  taken.add(name)
  return name
}
