import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { isNarrow } from './narrow.ts'

export interface Column<Row> {
  readonly key: string
  readonly head: string
  readonly cell: (row: Row) => ComponentChildren
  readonly number?: boolean
  /** What it is put in order by; left out: not at all. */
  readonly order?: (row: Row) => number | string
  /** Longer words for the head. */
  readonly title?: string
}

export interface VirtualTableProps<Row> {
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly rowKey: (row: Row) => string
  readonly rowClass?: (row: Row) => string
  readonly empty: string
  /** Key of a column, with `-` before it for the largest first. */
  readonly sort?: string
  readonly onSort?: (sort: string) => void
}

const ROW_PIXELS = 36
const OVERSCAN = 8
const MOST_HIGH = 560
const CARDS = 40

/**
 * A table of any length of which only what is in sight is in the page. Rows keep their order while the pointer or the focus is
 * in it, whatever their figures become. On a phone a row is a card, and more of them come by a button.
 */
export function VirtualTable<Row>(props: VirtualTableProps<Row>) {
  const { caption, columns, rows, rowKey, rowClass, empty, sort = '', onSort } = props
  const scroller = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const [cards, setCards] = useState(CARDS)
  const inside = useRef(false)
  const order = useRef<{ readonly sort: string; readonly places: ReadonlyMap<string, number> } | undefined>(
    undefined,
  )
  const narrow = isNarrow.value

  const by = columns.find(({ key }) => key === sort.replace(/^-/, ''))?.order
  const keep = inside.current && order.current?.sort === sort
  const places = order.current?.places
  const sorted =
    keep && places
      ? rows.toSorted(
          (a, b) => (places.get(rowKey(a)) ?? rows.length) - (places.get(rowKey(b)) ?? rows.length),
        )
      : by
        ? rows.toSorted((a, b) => compare(by(a), by(b)) * (sort.startsWith('-') ? -1 : 1))
        : rows
  if (!keep) order.current = { sort, places: new Map(sorted.map((row, i) => [rowKey(row), i])) }

  const high = Math.min(MOST_HIGH, (rows.length + 1) * ROW_PIXELS + 2)
  const first = narrow ? 0 : Math.max(0, Math.min(Math.floor(top / ROW_PIXELS), rows.length) - OVERSCAN)
  const last = narrow
    ? Math.min(cards, rows.length)
    : Math.min(rows.length, Math.ceil((top + high) / ROW_PIXELS) + OVERSCAN)
  useEffect(() => {
    if (scroller.current && scroller.current.scrollTop !== top) setTop(scroller.current.scrollTop)
  }, [rows.length])

  if (rows.length === 0) return <p class="empty">{empty}</p>
  const tall = !narrow && (rows.length + 1) * ROW_PIXELS > MOST_HIGH
  return (
    <>
      <div
        class={tall ? 'scroll tall' : 'scroll'}
        ref={scroller}
        // A part that scrolls is reached by the keyboard.
        {...(tall ? { tabIndex: 0, role: 'region', 'aria-label': caption } : {})}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onPointerEnter={() => (inside.current = true)}
        onPointerLeave={() => (inside.current = false)}
        onFocusIn={() => (inside.current = true)}
        onFocusOut={() => (inside.current = false)}
      >
        <table class="data" aria-rowcount={rows.length + 1}>
          <caption class="unseen">{caption}</caption>
          <thead>
            <tr aria-rowindex={1}>
              {columns.map((column) => (
                <th
                  key={column.key}
                  scope="col"
                  class={column.number ? 'number' : ''}
                  aria-sort={
                    sort === column.key ? 'ascending' : sort === `-${column.key}` ? 'descending' : undefined
                  }
                >
                  {column.order && onSort ? (
                    <button
                      type="button"
                      class="sort"
                      title={column.title}
                      onClick={() => onSort(sort === `-${column.key}` ? column.key : `-${column.key}`)}
                    >
                      {column.head}
                      {sort === column.key ? ' ↑' : sort === `-${column.key}` ? ' ↓' : ''}
                    </button>
                  ) : (
                    <span title={column.title}>{column.head}</span>
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {first > 0 && <Spacer height={first * ROW_PIXELS} columns={columns.length} />}
            {sorted.slice(first, last).map((row, i) => (
              <tr key={rowKey(row)} class={rowClass?.(row) ?? ''} aria-rowindex={first + i + 2}>
                {columns.map((column, at) =>
                  at === 0 ? (
                    <th key={column.key} scope="row" data-label={column.head}>
                      {column.cell(row)}
                    </th>
                  ) : (
                    <td key={column.key} class={column.number ? 'number' : ''} data-label={column.head}>
                      {column.cell(row)}
                    </td>
                  ),
                )}
              </tr>
            ))}
            {!narrow && last < rows.length && (
              <Spacer height={(rows.length - last) * ROW_PIXELS} columns={columns.length} />
            )}
          </tbody>
        </table>
      </div>
      {narrow && last < rows.length && (
        <button type="button" class="more" onClick={() => setCards(cards + CARDS)}>
          Show more ({(rows.length - last).toLocaleString('en')} left)
        </button>
      )}
    </>
  )
}

function Spacer({ height, columns }: { height: number; columns: number }) {
  return (
    <tr aria-hidden="true" class="spacer">
      <td colSpan={columns} style={{ height: `${height}px` }} />
    </tr>
  )
}

function compare(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
