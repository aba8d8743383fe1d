import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { clockTime, dateTime, NONE } from '../words/format.ts'
import { colors, palette } from './theme.ts'

export interface ChartLine {
  readonly label: string
  readonly values: readonly (number | null)[]
  /** Name of a colour of style/colors.css. */
  readonly color: string
  readonly fill?: boolean
  /** No line, only dots. */
  readonly dots?: boolean
  readonly dashed?: boolean
  readonly stepped?: boolean
}

export interface ChartMark {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly color: string
}

export interface ChartDot {
  readonly at: number
  readonly value: number
  readonly color: string
  readonly id: string
  readonly title: string
}

export interface ChartProps {
  readonly title: string
  /** Beginning of each step, milliseconds since the epoch. */
  readonly times: readonly number[]
  readonly lines: readonly ChartLine[]
  readonly format: (value: number | null) => string
  readonly height?: number
  /** Charts of one name have their cursor at the same time. */
  readonly sync?: string
  readonly marks?: readonly ChartMark[]
  readonly dots?: readonly ChartDot[]
  readonly onDot?: (id: string) => void
  /** Lowest and highest of the axis; left out: by the values, from 0. */
  readonly bounds?: readonly [number, number]
  readonly range?: readonly [number, number]
}

const NEAR_PIXELS = 9

/**
 * Values over time, drawn by uPlot on a canvas. Its own legend, which takes labels as markup, is off: names come from whoever
 * reports. What the chart says is also in words.
 */
export function Chart(props: ChartProps) {
  const { title, times, lines, format, height = 150, sync } = props
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const [index, setIndex] = useState<number | null>(null)
  const latest = useRef(props)
  latest.current = props
  const shade = palette.value
  const shape = [
    shade,
    height,
    sync,
    ...lines.map(({ label, color, fill, dots, dashed, stepped }) =>
      [label, color, fill, dots, dashed, stepped].join(),
    ),
  ].join('|')

  useEffect(() => {
    const element = place.current
    if (!element) return undefined
    const made = new uPlot(optionsOf(element.clientWidth, latest, setIndex), dataOf(latest.current), element)
    plot.current = made
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height })
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [shape])
  useEffect(() => plot.current?.setData(dataOf(props)), [times, lines, props.marks, props.dots])

  const at = index ?? times.length - 1
  const words = lines
    .map(
      ({ label, values }) =>
        `${label}: ${format(values.findLast((value) => value !== null) ?? null)} at last`,
    )
    .join('; ')
  return (
    <figure class="chart">
      <figcaption>
        <b>{title}</b>
        <span class="chart-legend">
          {lines.map(({ label, values, color }) => (
            <span key={label} class={`line ${color}`}>
              <bdi>{label}</bdi> <b>{format(values[at] ?? null)}</b>
            </span>
          ))}
          <span class="dim">{index === null ? '' : clockTime(times[at] ?? 0)}</span>
        </span>
      </figcaption>
      <div
        ref={place}
        class="plot"
        role="img"
        aria-label={`${title}, ${times.length === 0 ? NONE : `${clockTime(times[0] ?? 0)} to ${clockTime(times.at(-1) ?? 0)}`}. ${words}`}
      />
    </figure>
  )
}

function dataOf({ times, lines }: ChartProps): uPlot.AlignedData {
  return [times.map((ms) => ms / 1000), ...lines.map(({ values }) => [...values])]
}

function optionsOf(
  width: number,
  latest: { readonly current: ChartProps },
  onIndex: (index: number | null) => void,
): uPlot.Options {
  const { height = 150, sync, lines, format } = latest.current
  const color = colors()
  const axis = { stroke: color('dim'), grid: { stroke: color('line'), width: 1 }, ticks: { show: false } }
  return {
    width: Math.max(width, 50),
    height,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: {
      points: { size: 6 },
      drag: { x: false, y: false },
      ...(sync === undefined ? {} : { sync: { key: sync } }),
    },
    scales: {
      x: {
        time: true,
        range: (_, low, high) => {
          const { range } = latest.current
          return range ? [range[0] / 1000, range[1] / 1000] : [low, high]
        },
      },
      y: {
        range: (_, _low, high) => {
          const { bounds } = latest.current
          if (bounds) return [bounds[0], bounds[1]]
          return [0, high > 0 ? high * 1.1 : 1]
        },
      },
    },
    axes: [
      {
        ...axis,
        size: 24,
        space: 80,
        values: (self, values) =>
          values.map((value) =>
            timeLabel(value * 1000, (self.scales['x']?.max ?? 0) - (self.scales['x']?.min ?? 0)),
          ),
      },
      {
        ...axis,
        size: 62,
        values: (_, values) => values.map((value: number | null) => (value === null ? '' : format(value))),
      },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.label,
        stroke: line.dots ? 'transparent' : color(line.color),
        width: line.dots ? 0 : 1.5,
        ...(line.fill ? { fill: withAlpha(color(line.color), 0.16) } : {}),
        ...(line.dashed ? { dash: [5, 4] } : {}),
        ...(line.stepped && uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
        points: line.dots
          ? { show: true, size: 6, fill: color(line.color), stroke: color(line.color), width: 0 }
          : { show: false },
      })),
    ],
    hooks: {
      setCursor: [(self) => onIndex(self.cursor.idx ?? null)],
      draw: [(self) => drawExtras(self, latest.current, color)],
      ready: [
        (self) => {
          const near = (event: MouseEvent): ChartDot | undefined =>
            nearestDot(self, latest.current.dots ?? [], event)
          self.over.addEventListener('mousemove', (event) => {
            const dot = near(event)
            self.over.style.cursor = dot ? 'pointer' : ''
            self.over.title = dot?.title ?? ''
          })
          self.over.addEventListener('click', (event) => {
            const dot = near(event)
            if (dot) latest.current.onDot?.(dot.id)
          })
        },
      ],
    },
  }
}

/** Seconds only where a whole axis is minutes, the day where it is days. */
function timeLabel(ms: number, seconds: number): string {
  const text = clockTime(ms)
  if (seconds > 2 * 86_400) return `${dateTime(ms).slice(5, 10)} ${text.slice(0, 5)}`
  return seconds > 600 ? text.slice(0, 5) : text
}

/** Events as lines from top to bottom, exemplars as dots. */
function drawExtras(
  self: uPlot,
  { marks = [], dots = [] }: ChartProps,
  color: (name: string) => string,
): void {
  const { ctx: context, bbox } = self
  context.save()
  context.beginPath()
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  context.clip()
  context.setLineDash([3, 3])
  context.lineWidth = devicePixelRatio
  for (const { at, color: name } of marks) {
    const x = self.valToPos(at / 1000, 'x', true)
    context.strokeStyle = color(name)
    context.beginPath()
    context.moveTo(x, bbox.top)
    context.lineTo(x, bbox.top + bbox.height)
    context.stroke()
  }
  context.setLineDash([])
  for (const { at, value, color: name } of dots) {
    const x = self.valToPos(at / 1000, 'x', true)
    const y = Math.max(bbox.top + 3, self.valToPos(value, 'y', true))
    context.fillStyle = color(name)
    context.beginPath()
    context.arc(x, y, 3.2 * devicePixelRatio, 0, 2 * Math.PI)
    context.fill()
  }
  context.restore()
}

function nearestDot(self: uPlot, dots: readonly ChartDot[], event: MouseEvent): ChartDot | undefined {
  let best: ChartDot | undefined
  let least = NEAR_PIXELS
  for (const dot of dots) {
    const dx = self.valToPos(dot.at / 1000, 'x') - event.offsetX
    const dy = Math.max(0, self.valToPos(dot.value, 'y')) - event.offsetY
    const distance = Math.hypot(dx, dy)
    if (distance < least) {
      least = distance
      best = dot
    }
  }
  return best
}

/** `rgb(1, 2, 3)` with so much of what is behind it. */
function withAlpha(color: string, alpha: number): string {
  const parts = /^rgb\((.*)\)$/.exec(color)?.[1]
  return parts === undefined ? color : `rgba(${parts}, ${alpha})`
}
