import type { Check } from './check.ts'

/** What is wrong with canaries, proxies and certificates. */
export const MESH_CHECKS = {
  WEFT0501: {
    title: 'A Canary whose route is not there',
    severity: 'error',
    by: 'files',
    why: 'It moves nothing.',
    remedy: 'Correct spec.routeRef, or add the route.',
  },
  WEFT0502: {
    title: 'Two Canaries for one route',
    severity: 'error',
    by: 'files',
    why: 'Only the first by name moves the weights.',
    remedy: 'Keep one of the two.',
  },
  WEFT0503: {
    title: 'A Canary whose route has not both versions',
    severity: 'error',
    by: 'files',
    why: 'There is no rule with both backends, so that there are no weights to move.',
    remedy: 'Add the one that is missing to the backendRefs, with weight 0.',
  },
  WEFT0504: {
    title: 'A Canary that has not moved for a day',
    severity: 'warning',
    by: 'mesh',
    why: 'Two versions run side by side for longer than anybody looks at them: it is paused, or what it waits for does not come.',
    remedy: '`weft canary status` says what it waits for; promote it or roll it back.',
  },
  WEFT0601: {
    title: 'A sidecar that refused its configuration',
    severity: 'error',
    by: 'mesh',
    why: 'It goes on with what it had before, so that later changes do not reach its pod.',
    remedy:
      'Mend the object that the message names; if none is wrong, restart the pod, so that it has the sidecar of this version.',
  },
  WEFT0602: {
    title: 'A sidecar without a stream to a control plane',
    severity: 'warning',
    by: 'mesh',
    why: 'It goes on with what it has: changes do not reach it, and its certificate ends within a day.',
    remedy: 'Its log says why: `kubectl logs POD -c weft-proxy`.',
  },
  WEFT0603: {
    title: 'No certificates are issued',
    severity: 'error',
    by: 'mesh',
    why: 'Pods that start get no identity; those that run end to be trusted once their certificate is over.',
    remedy: 'Mend what the message names; `weft check` looks closer.',
  },
  WEFT0604: {
    title: 'A root that ends soon',
    severity: 'warning',
    by: 'mesh',
    why: 'When it is over, no certificate under it is trusted any more.',
    remedy: 'Renew it while the old one still holds: docs/operations.md.',
  },
  WEFT0605: {
    title: 'The control plane does not answer',
    severity: 'error',
    by: 'machine',
    why: 'Sidecars go on with what they have.',
    remedy: 'Its log says why; restart it.',
  },
} as const satisfies Readonly<Record<string, Check>>
