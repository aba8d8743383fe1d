import t from 'tap'
import {
  NODE_MUTUAL_TLS,
  NODE_TAKES,
  TAKES_JWT,
  TAKES_OUTLIER_DETECTION,
  TAKES_OWNERS,
  TAKES_RBAC,
  TAKES_ROUTE_LOG,
  TAKES_TELEMETRY,
  TAKES_TAP,
  TAKES_TRUST,
} from '../../core/contract.ts'
import { clientOf } from './client.ts'
import { outlierDetection } from './outlier.ts'

t.test(
  'fields that a sidecar of the version before refuses go to those that say that they take them',
  async (t) => {
    const sent = (userAgentName: string, metadata: Readonly<Record<string, string>> = {}) => {
      const { takes } = clientOf({ userAgentName, metadata })
      return [takes.name, outlierDetection(takes).outlierDetection?.maxEjectionPercent]
    }
    const all = [TAKES_OUTLIER_DETECTION, TAKES_RBAC, TAKES_JWT, TAKES_TRUST, TAKES_TELEMETRY]
    const owners = [...all, TAKES_OWNERS]
    const tap = [...owners, TAKES_TAP]
    t.same(sent('weft', { [NODE_TAKES]: [...tap, TAKES_ROUTE_LOG].join(' ') }), ['sidecar', 50])
    t.same(sent('weft', { [NODE_TAKES]: tap.join(' ') }), ['sidecar-without-route-log', 50])
    t.same(sent('weft', { [NODE_TAKES]: owners.join(' ') }), ['sidecar-without-tap', 50])
    t.same(sent('weft', { [NODE_TAKES]: all.join(' ') }), ['sidecar-without-owners', 50])
    for (const missing of [TAKES_JWT, TAKES_RBAC, TAKES_TRUST, TAKES_TELEMETRY]) {
      const takes = all.filter((one) => one !== missing)
      t.same(sent('weft', { [NODE_TAKES]: takes.join(' ') }), ['sidecar-without-rbac', 50], missing)
    }
    t.same(sent('weft', { [NODE_TAKES]: `a ${TAKES_OUTLIER_DETECTION} b` }), ['sidecar-without-rbac', 50])
    t.same(sent('weft', { [NODE_TAKES]: 'outlier' }), ['sidecar-before', undefined])
    t.same(sent('weft'), ['sidecar-before', undefined])
    t.same(sent(''), ['sidecar-before', undefined])
    t.same(sent('envoy'), ['envoy', 50])
    t.same(sent('gRPC Go'), ['grpc', 33])
    t.same(sent('gRPC Go', { [NODE_MUTUAL_TLS]: 'true' }), ['grpc-mtls', 33])
    t.same(sent('gRPC Java'), ['grpc-java', undefined])
    t.same(sent('gRPC Java', { [NODE_MUTUAL_TLS]: 'true' }), ['grpc-java-mtls', undefined])
  },
)
