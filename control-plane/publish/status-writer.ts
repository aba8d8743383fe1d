import { startEntriesWriter, type StatusKind } from './entries-writer.ts'
import { PARENTS } from './status-entries.ts'
import type { StartWriter } from './writer.ts'

const GROUP_VERSION = 'gateway.networking.k8s.io/v1'
const ROUTES: Readonly<Record<string, StatusKind>> = {
  HTTPRoute: { groupVersion: GROUP_VERSION, plural: 'httproutes' },
  GRPCRoute: { groupVersion: GROUP_VERSION, plural: 'grpcroutes' },
}

/** Keeps our parents in `status.parents` of every route. */
export const writeRouteStatus: StartWriter = (context) =>
  startEntriesWriter(context, {
    what: "a route's status",
    kinds: ROUTES,
    list: PARENTS,
    view: context.routeStatus,
    statusOf: ({ routeStatus }) => routeStatus,
    entriesOf: ({ parents }) => parents.map(({ parentRef: ref, conditions }) => ({ ref, conditions })),
  })
