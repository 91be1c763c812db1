-- Argo CD's health of a ControllerRollout; goes into argocd-cm (argocd-cm.yaml beside it).
local health = {status = "Progressing", message = "Not seen by the operator yet."}
local status = obj.status
if status == nil then return health end
local observed = status.observedGeneration or -1
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local function holds(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end
health.message = status.message or status.phase or ""
if holds("Escalated") then
  health.status = "Degraded"
elseif status.incident ~= nil or holds("AcknowledgmentRequired") then
  health.status = "Suspended"
  if status.incident ~= nil then
    health.message = "Incident " .. status.incident.id .. " waits for its acknowledgement: " .. health.message
  end
elseif observed < (obj.metadata.generation or 0) then
  health.message = "The newest spec is not taken up yet."
elseif status.phase == "Aborted" or holds("Stalled") then
  health.status = "Degraded"
elseif holds("Ready") then
  health.status = "Healthy"
elseif obj.spec.suspend then
  health.status = "Suspended"
end
return health
