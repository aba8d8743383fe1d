import { describeError, WeftError } from '../core/errors.ts'
import type { Logger } from '../core/log.ts'
import type { AdmissionAnswer, AdmissionRequest } from './admission-review.ts'
import { injectPod } from './inject-pod.ts'
import type { AdmissionOutcome } from './metrics.ts'
import type { InjectorSettings } from './settings.ts'

/** Labels of a namespace; undefined where it isn't known: then the webhook's selector has decided. */
export type NamespaceLabels = (namespace: string) => Readonly<Record<string, string>> | undefined

export interface AdmitDeps {
  readonly settings: InjectorSettings
  readonly namespaceLabels?: NamespaceLabels | undefined
  readonly logger: Logger
  /** Told what became of it. */
  readonly outcome?: (outcome: AdmissionOutcome) => void
}

/** Answers one admission request. Changes nothing anywhere, so a dry run is the same. Never throws. */
export function admit(request: AdmissionRequest, deps: AdmitDeps): AdmissionAnswer {
  const tell = deps.outcome ?? (() => {})
  if (!request.isPod) return untouched('not-a-pod', tell)
  if (request.operation !== 'CREATE') return untouched('not-a-create', tell)
  try {
    const labels = deps.namespaceLabels?.(request.namespace)
    const injection = injectPod(request.object, { name: request.namespace, labels }, deps.settings)
    const { reason, warnings, patch, injected, again, podName } = injection
    const fields = { namespace: request.namespace, pod: podName, reason, dryRun: request.dryRun }
    tell({ result: injected ? 'injected' : 'untouched', reason })
    if (again) {
      deps.logger.info('pod seen again', { ...fields, changed: patch.length > 0 })
      // The audit annotations of the first time stand: the API server complains in its log of any that come twice.
      return { allowed: true, patch, warnings }
    }
    deps.logger.info(injected ? 'pod injected' : 'pod left as it is', fields)
    return { allowed: true, patch, warnings, auditAnnotations: audit(injected, reason) }
  } catch (error) {
    tell({ result: 'refused', reason: error instanceof WeftError ? 'unreadable-pod' : 'failed' })
    return refuse(error, request, deps.logger)
  }
}

function untouched(reason: string, tell: (outcome: AdmissionOutcome) => void): AdmissionAnswer {
  tell({ result: 'untouched', reason })
  return { allowed: true, auditAnnotations: audit(false, reason) }
}

function audit(injected: boolean, reason: string): Record<string, string> {
  return { injected: String(injected), reason }
}

/** A pod that can't be read, or a mistake of ours: letting it in would be a pod past the mesh. */
function refuse(error: unknown, request: AdmissionRequest, logger: Logger): AdmissionAnswer {
  const fields = { namespace: request.namespace, cause: describeError(error) }
  if (error instanceof WeftError) {
    logger.warn('pod refused: it could not be read', fields)
    return {
      allowed: false,
      status: { code: 400, reason: 'BadRequest', message: `weft: the pod can't be read: ${fields.cause}` },
    }
  }
  logger.error('pod refused: the injector failed', fields)
  const message = 'weft: the injector failed on this pod; its log says why'
  return { allowed: false, status: { code: 500, reason: 'InternalError', message } }
}
