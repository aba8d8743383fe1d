import type { TappedRequest } from '../../../core/api/tap.ts'
import { linkTo } from '../address/navigate.ts'
import { StatusBadge } from '../traces/status-badge.tsx'
import { clockTime, milliseconds } from '../words/format.ts'

export type Row = TappedRequest & { readonly key: number }

/** The newest first. */
export function Requests({ rows }: { rows: readonly Row[] }) {
  return (
    <div class="scroll">
      <table class="data tap">
        <caption class="unseen">Requests as they happened, the newest first</caption>
        <thead>
          <tr>
            {['When', 'Who', 'Whom', 'Request', 'Status', 'Took', 'Trace'].map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key} class={row.status >= 500 || row.status === 0 ? 'failing' : ''}>
              <td data-label="When">{clockTime(row.at)}</td>
              <td data-label="Who">
                <bdi>{row.source === '' ? 'outside' : row.source}</bdi>
                <span class="tag">
                  {row.direction === 'inbound' ? 'told by its server' : 'told by its caller'}
                </span>
              </td>
              <td data-label="Whom">
                <bdi>{row.asked ?? row.destination}</bdi>
              </td>
              <td data-label="Request">
                <bdi class="mono">{`${row.method} ${row.path}${row.query === undefined ? '' : `?${row.query}`}`}</bdi>
                {row.headers && (
                  <details>
                    <summary>headers</summary>
                    <dl class="attributes">
                      {Object.entries(row.headers).map(([name, value]) => (
                        <div key={name}>
                          <dt>{name}</dt>
                          <dd>
                            <bdi>{value}</bdi>
                          </dd>
                        </div>
                      ))}
                    </dl>
                  </details>
                )}
              </td>
              <td data-label="Status">
                <StatusBadge status={row.status} failed={row.status >= 500 || row.status === 0} />
                {row.grpcStatus !== null && row.grpcStatus !== 0 && (
                  <span class="tag bad">gRPC {row.grpcStatus}</span>
                )}
                {row.flags !== '' && row.flags !== '-' && <span class="tag bad">{row.flags}</span>}
              </td>
              <td class="number" data-label="Took">
                {milliseconds(row.durationMs)}
              </td>
              <td data-label="Trace">
                {row.traceId === '' || row.traced === false ? (
                  <span class="dim">–</span>
                ) : (
                  <a href={linkTo('trace', [row.traceId])}>open</a>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
