import type { SpanView, TraceRow, TraceView } from '../../../core/api/traces.ts'
import { randomFrom } from '../random.ts'
import { WHOLE } from './graph.ts'

export interface TraceChange {
  readonly path?: string
  readonly attributes?: Readonly<Record<string, string>>
  readonly service?: string
  /** Only the first two spans have come. */
  readonly part?: boolean
}

export function traceId(index: number): string {
  return String(index + 1).padStart(32, '0')
}

/** client -> web -> catalog -> inventory; each seventh has a retry, whose tries are spans of their own. */
export function trace(index: number, begin: number, change: TraceChange = {}): TraceView {
  const random = randomFrom(index + 1)
  const retried = index % 7 === 3
  const failed = index % 23 === 11
  const path = change.path ?? ['/stocked/42', '/items/7', '/items', '/stocked/1138'][index % 4] ?? '/'
  const spans: SpanView[] = []
  let next = 0
  const add = (
    service: string,
    kind: 'client' | 'server',
    parent: string,
    from: number,
    took: number,
    extra: Readonly<Record<string, string | number>> = {},
    bad = false,
  ): string => {
    const spanId = `${(index + 1).toString(16)}${(++next).toString(16)}`.padStart(16, 'a')
    spans.push({
      traceId: traceId(index),
      spanId,
      parentSpanId: parent,
      name: 'GET',
      kind,
      service: change.service ?? service,
      namespace: 'shop',
      pod: `${service}-6f9c4d-x2b1q`,
      startMs: from,
      durationMs: took,
      status: bad ? 'error' : 'unset',
      statusMessage: '',
      attributes: {
        'http.request.method': 'GET',
        'url.path': path,
        'weft.route': `HTTPRoute/shop/${service}/0`,
        'weft.endpoint': '10.244.0.17:8080',
        'weft.config_version': '42',
        'weft.peer.identity': `spiffe://cluster.local/ns/shop/sa/${service}`,
        ...(extra['weft.try'] === 'first' ? {} : { 'http.response.status_code': bad ? 503 : 200 }),
        ...extra,
        ...change.attributes,
      },
    })
    return spanId
  }
  const took = 6 + random() * 9 + (retried ? 11 : 0)
  const client = add(
    'client',
    'client',
    '',
    begin,
    took,
    failed ? { 'weft.response_flags': 'URX' } : {},
    failed,
  )
  const web = add('web', 'server', client, begin + 0.4, took - 0.6, {}, failed)
  const webOut = add('web', 'client', web, begin + 1.2, took - 2)
  const catalog = add('catalog', 'server', webOut, begin + 1.6, took - 2.6)
  const out = add(
    'catalog',
    'client',
    catalog,
    begin + 2.2,
    took - 3.6,
    retried ? { 'http.request.resend_count': 1 } : {},
    failed,
  )
  if (retried) {
    add(
      'catalog',
      'client',
      out,
      begin + 2.2,
      9.5,
      { 'weft.try': 'first', 'weft.response_flags': 'UF' },
      true,
    )
    const again = add('catalog', 'client', out, begin + 12, took - 13.6, {
      'weft.try': 'retry',
      'http.request.resend_count': 1,
    })
    add('inventory', 'server', again, begin + 12.4, Math.max(0.2, took - 14.2))
  } else add('inventory', 'server', out, begin + 2.6, took - 4.2, {}, failed)
  const kept = change.part === true ? spans.slice(1, 3) : spans
  const row: TraceRow = {
    traceId: traceId(index),
    startMs: begin,
    durationMs: took,
    service: change.service ?? (change.part === true ? 'web' : 'client'),
    namespace: 'shop',
    method: 'GET',
    path,
    name: 'GET',
    status: failed ? 503 : 200,
    failed,
    spanCount: kept.length,
    errors: kept.filter(({ status }) => status === 'error').length,
    retries: retried ? 1 : 0,
    services: [...new Set(kept.map(({ service }) => service))],
    flags: failed ? ['URX'] : retried ? ['UF'] : [],
    whole: change.part !== true,
  }
  return { ...row, coverage: WHOLE, spans: kept }
}
