import { Client, compressionAlgorithms, credentials } from '@grpc/grpc-js'
import { WeftError } from '../../core/errors.ts'
import type { Exporter } from './exporter.ts'
import { createGrpcExporter } from './grpc-exporter.ts'
import { createHttpExporter } from './http-exporter.ts'

const GRPC_PORT = '4317'

/**
 * The exporter for a collector's address: `grpc://host[:4317]` and `grpcs://` speak OTLP/gRPC, `http://` and
 * `https://` OTLP/HTTP, where `/v1/traces` follows the address. Throws WeftError `telemetry.collector` naming `field`.
 */
export function exporterFor(address: string, field: string): Exporter {
  const url = URL.parse(address)
  if (!url || url.hostname === '' || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new WeftError(
      'telemetry.collector',
      'must be an address like grpc://collector:4317 or http://collector:4318',
      {
        field,
      },
    )
  switch (url.protocol) {
    case 'grpc:':
    case 'grpcs:':
      return createGrpcExporter({
        client: new Client(
          `${url.hostname}:${url.port || GRPC_PORT}`,
          url.protocol === 'grpc:' ? credentials.createInsecure() : credentials.createSsl(),
          { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip },
        ),
      })
    case 'http:':
    case 'https:':
      return createHttpExporter(url)
    default:
      throw new WeftError('telemetry.collector', 'must begin with grpc://, grpcs://, http:// or https://', {
        field,
      })
  }
}
