import type { Check } from './check.ts'

/** What shows only in traffic. */
export const TRAFFIC_CHECKS = {
  WEFT0701: {
    title: 'A rule that no request followed for a day',
    severity: 'info',
    by: 'traffic',
    why: 'It matches nothing that anybody sends, or what it is for is not used any more.',
    remedy: 'See that its matches are what callers send, or take it out.',
  },
  WEFT0702: {
    title: 'A port named HTTP that carries something else',
    severity: 'warning',
    by: 'traffic',
    why: 'Connections came that are no HTTP. Where the port is declared as HTTP, they are refused as malformed.',
    remedy: 'Say appProtocol: tcp, or mend the client.',
  },
  WEFT0703: {
    title: 'A STRICT pod that is called in plaintext',
    severity: 'warning',
    by: 'traffic',
    why: 'Somebody without a sidecar calls it, and is refused each time.',
    remedy: 'Give the caller a sidecar, or that port PERMISSIVE by portLevelMtls.',
  },
  WEFT0704: {
    title: 'A timeout that is shorter than what its backend takes',
    severity: 'warning',
    by: 'traffic',
    why: 'The slowest hundredth of answers takes as long as the rule lets requests take, or longer: they end as 504 and the work is done for nothing.',
    remedy: 'Let the timeout be longer than the 99th percentile of the backend, or make the backend faster.',
  },
  WEFT0705: {
    title: 'A pod that is called in plaintext',
    severity: 'info',
    by: 'traffic',
    why: 'It takes plaintext (PERMISSIVE) and somebody uses that: these callers would be refused once it is STRICT, and no rule by identity holds for them.',
    remedy: 'Give the caller a sidecar before making the pod STRICT.',
  },
  WEFT0706: {
    title: 'Callers that a policy refuses',
    severity: 'info',
    by: 'traffic',
    why: 'Requests were refused in the last five minutes. That may be what is meant, or a caller that nobody thought of.',
    remedy: '`weft why ID` tells of one which rule is nearest to letting it in.',
  },
} as const satisfies Readonly<Record<string, Check>>
