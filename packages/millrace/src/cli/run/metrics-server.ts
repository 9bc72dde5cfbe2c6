import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { App } from '../../runtime/app.ts'
import { expositionType } from '../../runtime/metrics/exposition.ts'
import { CliError } from '../cli-error.ts'

/** Where metrics and health are served. */
export interface MetricsAddress {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

/** A small HTTP server with `/metrics`, `/health/live` and `/health/ready`. */
export interface MetricsServer {
  readonly url: string
  close(): Promise<void>
}

/** Serves an app's metrics and health until closed. Throws `CliError` when the port cannot be had. */
export async function serveMetrics(app: App, { host, port }: MetricsAddress): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    answer(app, request.url ?? '/', response).catch(error => {
      respond(response, 500, `${(error as Error).message}\n`)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', cause =>
      reject(
        new CliError(`Metrics cannot be served on ${host}:${port}: ${cause.message}`, {
          wayOut: '--metrics-port with a free port',
          cause,
        }),
      ),
    )
    server.listen(port, host, resolve)
  })
  const { address, port: chosen, family } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${chosen}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(app: App, url: string, response: ServerResponse): Promise<void> {
  const health = app.health()
  switch (url.split('?', 1)[0]) {
    case '/metrics':
      return respond(response, 200, await app.metrics(), expositionType)
    case '/health/live':
      return respond(response, health.status === 'failed' ? 503 : 200, json(health), 'application/json')
    case '/health/ready':
      return respond(response, health.isReady ? 200 : 503, json(health), 'application/json')
    default:
      return respond(response, 404, 'There are /metrics, /health/live and /health/ready\n')
  }
}

/** A watermark of -∞ or +∞ becomes null, as JSON has it. */
function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

function respond(response: ServerResponse, status: number, body: string, type = 'text/plain'): void {
  response.writeHead(status, { 'content-type': type }).end(body)
}
