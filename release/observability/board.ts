import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  BigValueColorMode,
  BigValueGraphMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkType,
  DashboardLinkBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  VariableSort,
  type Dashboard,
  type Panel,
  type Threshold,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import type { BoardDescription, PanelDescription, VariableDescription } from './description.ts'

// Grafana's dashboards by the builders that Grafana publishes, so that their types and fields are its own.

/** Columns of Grafana's grid. */
const COLUMNS = 24
const STAT_HEIGHT = 4
const GRAPH_HEIGHT = 8
/** The data source is chosen on the board: nobody's is called the same. */
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' }
const TAG = 'weft'

/** The board as Grafana imports and provisions it. Two panels of a row need no place: they follow each other. */
export function boardOf(description: BoardDescription): Dashboard {
  const board = new DashboardBuilder(`Weft / ${description.title}`)
    .uid(`weft-${description.name}`)
    .description(description.description)
    .tags([TAG])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .editable()
    .tooltip(DashboardCursorSync.Crosshair)
    .link(
      new DashboardLinkBuilder('Weft')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    )
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus').current({
        text: 'default',
        value: 'default',
      }),
    )
  for (const variable of description.variables) board.withVariable(variableOf(variable))
  let id = 1
  let y = 0
  for (const { title, panels } of description.rows) {
    board.withRow(new RowBuilder(title).id(id++).gridPos({ x: 0, y: y++, w: COLUMNS, h: 1 }))
    let x = 0
    let tallest = 0
    for (const panel of panels) {
      if (x + panel.width > COLUMNS) {
        x = 0
        y += tallest
        tallest = 0
      }
      const h = panel.kind === 'stat' ? STAT_HEIGHT : GRAPH_HEIGHT
      board.withPanel(panelOf(panel, id++, { x, y, w: panel.width, h }))
      x += panel.width
      tallest = Math.max(tallest, h)
    }
    y += tallest
  }
  return board.build()
}

function variableOf({ name, label, query, several }: VariableDescription): QueryVariableBuilder {
  const variable = new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query({ qryType: 1, query, refId: 'PrometheusVariableQueryEditor-VariableQuery' })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
  return several
    ? variable.multi(true).includeAll(true).allValue('.*').current({ text: 'All', value: '$__all' })
    : variable
}

function panelOf(panel: PanelDescription, id: number, gridPos: Panel['gridPos'] & object): Builder<Panel> {
  const builder = bareBuilder(panel)
  builder.id(id).title(panel.title).gridPos(gridPos).datasource(DATASOURCE).unit(panel.unit)
  builder.thresholds(
    new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(thresholdsOf(panel.thresholds)),
  )
  if (panel.description !== undefined) builder.description(panel.description)
  if (panel.min !== undefined) builder.min(panel.min)
  if (panel.max !== undefined) builder.max(panel.max)
  for (const [index, { expr, legend }] of panel.queries.entries()) {
    const query = new DataqueryBuilder().refId(String.fromCharCode(65 + index)).expr(expr)
    if (panel.kind === 'table') query.instant().format(PromQueryFormat.Table)
    else query.range().legendFormat(legend)
    builder.withTarget(query.datasource(DATASOURCE))
  }
  return builder
}

function bareBuilder(panel: PanelDescription): TimeseriesBuilder | StatBuilder | TableBuilder {
  if (panel.kind === 'stat')
    return new StatBuilder()
      .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
      .colorMode(panel.thresholds ? BigValueColorMode.Background : BigValueColorMode.Value)
      .graphMode(BigValueGraphMode.Area)
      .noValue('none')
  if (panel.kind === 'table') return tableOf(panel)
  const graph = new TimeseriesBuilder()
    .lineWidth(1)
    .fillOpacity(panel.stacked ? 30 : 10)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['lastNotNull', 'max']),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
  return panel.stacked ? graph.stacking(new StackingConfigBuilder().mode(StackingMode.Normal)) : graph
}

/** One line of the table for each set of labels, with a column for each query, called by its legend. */
function tableOf({ columns = {}, queries }: PanelDescription): TableBuilder {
  const letters = queries.map((_, index) => String.fromCharCode(65 + index))
  const table = new TableBuilder()
    .filterable(true)
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        renameByName: {
          ...columns,
          // A single query's column is called plainly.
          ...Object.fromEntries(
            letters.map((letter, index) => [
              letters.length === 1 ? 'Value' : `Value #${letter}`,
              queries[index]?.legend ?? letter,
            ]),
          ),
        },
      },
    })
  for (const { legend, unit } of queries)
    if (unit !== undefined) table.overrideByName(legend, [{ id: 'unit', value: unit }])
  return table
}

/** Grafana wants a first step without a value. */
function thresholdsOf(limits: PanelDescription['thresholds']): Threshold[] {
  const steps: Threshold[] = [{ value: null, color: 'green' }]
  if (limits === undefined) return steps
  const { warn, bad } = limits
  if (warn !== undefined && warn > bad)
    return [
      { value: null, color: 'red' },
      { value: bad, color: 'orange' },
      { value: warn, color: 'green' },
    ]
  if (warn !== undefined) steps.push({ value: warn, color: 'orange' })
  return [...steps, { value: bad, color: 'red' }]
}
