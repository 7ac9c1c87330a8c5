/**
 * The stack as a graph, and each service of it.
 */
import type { ServiceStatus } from '../../plan/status.ts'
import { type Report, type ReportService, valueOf } from './document.ts'
import { picture } from './drawing.ts'
import { anchor, html, type Html } from './html.ts'
import { badge, serviceStanding } from './marks.ts'
import { missing } from './pieces.ts'

export function serviceAnchor(name: string): string {
  return anchor('service', name)
}

/** With more than this a drawing is no help. */
const mostDrawn = 120

export function servicesPart({ services, status }: Report): Html {
  const found = new Map((valueOf(status)?.services ?? []).map((one) => [one.service, one]))
  if (services.length === 0) return html`<p>No services are declared.</p>`
  return html`${'missing' in status && missing(status.missing)}
    ${services.length > 1 && services.length <= mostDrawn && graph(services, found)}
    <ul class="cards">
      ${services.map((service) => card(service, found.get(service.name)))}
    </ul>
    ${(valueOf(status)?.differences ?? []).length > 0 && html`<p class="others"><strong>Of no service, up would:</strong> ${valueOf(status)?.differences.join('; ')}</p>`}`
}

function graph(services: readonly ReportService[], found: ReadonlyMap<string, ServiceStatus>): Html {
  const index = new Map(services.map(({ name }, at) => [name, at]))
  const arrows = services.flatMap(({ name, needs }) =>
    needs.flatMap(({ service }) => {
      const [from, to] = [index.get(service), index.get(name)]
      return from === undefined || to === undefined ? [] : [{ from, to }]
    }),
  )
  return html`${picture({
    id: 'graph',
    title: 'The stack as a graph',
    description:
      'Each box is a service. An arrow leads from a service to one that waits for it. The list below says the same in words.',
    boxes: services.map((service) => {
      const { mark, word } = serviceStanding(found.get(service.name))
      return {
        title: [`${service.name}: ${word}`, service.what, ...service.ports].join(', '),
        target: serviceAnchor(service.name),
        mark,
        name: service.name,
        lines: [`${word} · ${shortened(service.what)}`, service.ports.join('  ')].filter((line) => line !== ''),
      }
    }),
    arrows,
    size: { width: 224, height: 76 },
  })}
  ${arrows.length > 0 && html`<p class="legend">An arrow leads from a service to one that waits for it.</p>`}`
}

/** Of an image its own name, of what is built its folder: boxes are small. */
function shortened(what: string): string {
  return what.replace(/^image (?:.*\/)?/, '').replace(/^built from (?:.*\/)?([^/]+)\/Dockerfile$/, 'built from $1')
}

function card(service: ReportService, status: ServiceStatus | undefined): Html {
  const { differences = [], reason } = status ?? {}
  return html`<li>
    <article class="card" id="${serviceAnchor(service.name)}" tabindex="-1">
      <h3>${service.name}</h3>
      <p class="state">${badge(serviceStanding(status))}</p>
      ${reason !== undefined && html`<p class="reason">${reason}</p>`}
      <dl>
        <div>
          <dt>Runs</dt>
          <dd>${service.what}</dd>
        </div>
        ${fact(
          'Reached at',
          (status?.addresses ?? []).map((address) => html`<span class="address">${linked(address)}</span>`),
        )}
        ${fact('Ports', status === undefined || status.addresses.length === 0 ? service.ports.map((port) => html`<span class="address">${port}</span>`) : [])}
        ${fact('Migrations', migrationsOf(status))}
        ${fact(
          'Waits for',
          service.needs.map(
            (need) =>
              html`<span class="need"
                ><a href="#${serviceAnchor(need.service)}">${need.service}</a>
                <span class="muted">${need.condition}</span></span
              >`,
          ),
        )}
        ${status?.container !== undefined && fact('Container', [html`<span class="address">${status.container}</span>`])}
      </dl>
      ${
        differences.length > 0 &&
        html`<p class="would"><strong>up would:</strong></p>
          <ul class="plain">
            ${differences.map((line) => html`<li>${line}</li>`)}
          </ul>`
      }
    </article>
  </li>`
}

function fact(name: string, values: readonly Html[]): Html | false {
  return (
    values.length > 0 &&
    html`<div>
      <dt>${name}</dt>
      <dd>${values}</dd>
    </div>`
  )
}

/** A person follows it; the page itself asks for nothing. */
function linked(address: string): Html {
  return /^https?:\/\//.test(address) ? html`<a href="${address}" rel="noreferrer">${address}</a>` : html`${address}`
}

function migrationsOf(status: ServiceStatus | undefined): readonly Html[] {
  const { migrations } = status ?? {}
  if (migrations === undefined) return []
  if (migrations === 'unknown') return [html`unknown while it does not answer`]
  const { applied, pending } = migrations
  return [html`${applied} applied${pending > 0 && `, ${String(pending)} pending`}`]
}
