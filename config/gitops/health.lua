-- The health of a ChatPool, Category or Room for Argo CD, read from conditions alone. It needs none of Lua's libraries.
local hs = {status = "Progressing", message = "the operator has not looked at it yet"}
local st = obj.status
if st == nil or st.conditions == nil then
  return hs
end
if obj.metadata.deletionTimestamp ~= nil then
  hs.message = "it is being deleted"
  return hs
end

local is = {}
for _, c in ipairs(st.conditions) do
  is[c.type] = c
end
local function holds(name)
  return is[name] ~= nil and is[name].status == "True"
end
local ready = is["Ready"]
if ready == nil then
  return hs
end

-- What the conditions are about must be the manifest of now.
local seen = st.observedGeneration or ready.observedGeneration
if obj.metadata.generation ~= nil and seen ~= nil and seen < obj.metadata.generation then
  hs.message = "the operator has not looked at the new manifest yet"
  return hs
end

hs.message = ready.message
if holds("Stalled") then
  hs.status = "Degraded"
  hs.message = is["Stalled"].message
elseif holds("Ready") then
  hs.status = "Healthy"
  -- Worth reading, and no reason to hold up a sync: the way out of a disaster may be in it.
  for _, name in ipairs({"ForceRefused", "FailoverReady", "FailbackReady"}) do
    local c = is[name]
    if c ~= nil and ((name == "ForceRefused") == (c.status == "True")) then
      hs.message = name .. ": " .. c.message
      break
    end
  end
elseif st.transition ~= nil and st.transition.nextCommand ~= nil then
  -- It does not serve, and only a person can help.
  hs.status = "Degraded"
end
return hs
