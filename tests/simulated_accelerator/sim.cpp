// A simulated accelerator: memory the host may not read, one lazy stream per device, events, generators, counters.
#include <torch/extension.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/autocast_mode.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <sys/mman.h>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>

namespace sim {
constexpr auto kSim = c10::DeviceType::PrivateUse1;
constexpr int kDevices = 2;
constexpr size_t kArena = size_t(8) << 30;

// ---------------------------------------------------------------- counters
struct Counters { std::map<std::string, int64_t> n; };
static Counters g_counts;
static bool g_refuse_sync = false;
static thread_local int t_internal = 0;           // inside the CPU fallback: copies there are the "kernel"
struct Internal { Internal() { ++t_internal; } ~Internal() { --t_internal; } };
static void count(const std::string& what) { if (!t_internal) ++g_counts.n[what]; }
static void wait_counted(const std::string& what) {
  if (t_internal) return;
  ++g_counts.n["wait." + what];
  TORCH_CHECK(!g_refuse_sync, "called a synchronizing operation: ", what);
}

// ---------------------------------------------------------------- memory
struct Arena {
  char *device = nullptr, *host = nullptr;
  size_t top = 0, used = 0, peak = 0, capacity = kArena;
  std::map<size_t, std::vector<size_t>> free_lists;
  std::unordered_map<size_t, size_t> sizes;
  void start() {
    if (device) return;
    int fd = memfd_create("sim", 0);
    TORCH_CHECK(fd >= 0 && ftruncate(fd, kArena) == 0, "memfd");
    device = (char*)mmap(nullptr, kArena, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    host = (char*)mmap(nullptr, kArena, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    TORCH_CHECK(device != MAP_FAILED && host != MAP_FAILED, "mmap");
  }
};
static Arena g_arena[kDevices];
static bool g_started = false;
static thread_local int t_device = 0;

static void start() { for (auto& a : g_arena) a.start(); g_started = true; }
static size_t rounded(size_t n) { size_t s = 512; while (s < n && s < (1 << 20)) s *= 2; if (s < n) s = (n + (1 << 20) - 1) >> 20 << 20; return s; }
static char* host_of(const void* p) {
  for (auto& a : g_arena) if (a.device && (char*)p >= a.device && (char*)p < a.device + kArena) return a.host + ((char*)p - a.device);
  TORCH_CHECK(false, "not a device pointer");
}
static void release(void* p) {
  for (auto& a : g_arena) if ((char*)p >= a.device && (char*)p < a.device + kArena) {
    size_t at = (char*)p - a.device, s = a.sizes[at];
    memset(a.host + at, 0xFF, std::min<size_t>(s, 1 << 16));      // freed memory is NaN
    a.sizes.erase(at); a.used -= s; a.free_lists[s].push_back(at);
  }
}
struct Allocator final : c10::DeviceAllocator {
  c10::DataPtr allocate(size_t n) override {
    start();
    auto& a = g_arena[t_device];
    c10::Device device(kSim, t_device);
    if (n == 0) return {nullptr, nullptr, &c10::detail::deleteNothing, device};
    size_t s = rounded(n);
    TORCH_CHECK_WITH(OutOfMemoryError, a.used + s <= a.capacity, "SIM out of memory. Tried to allocate ", n, " bytes.");
    size_t at;
    auto& list = a.free_lists[s];
    if (!list.empty()) { at = list.back(); list.pop_back(); } else { at = a.top; a.top += s; TORCH_CHECK(a.top <= kArena, "arena"); }
    a.sizes[at] = s; a.used += s; a.peak = std::max(a.peak, a.used);
    memset(a.host + at, 0xFF, std::min<size_t>(s, 1 << 16));
    void* p = a.device + at;
    return {p, p, &release, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* d, const void* s, size_t n) const override { memcpy(host_of(d), host_of(s), n); }
  bool initialized() override { return g_started; }
  void emptyCache(c10::MempoolId_t) override {}
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex d) override {
    c10::CachingDeviceAllocator::DeviceStats s;
    auto& b = s.allocated_bytes[0]; b.current = g_arena[d].used; b.peak = g_arena[d].peak;
    auto& r = s.reserved_bytes[0]; r.current = g_arena[d].used; r.peak = g_arena[d].peak;
    return s;
  }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex d) override { g_arena[d].peak = g_arena[d].used; }
  std::pair<size_t, size_t> getMemoryInfo(c10::DeviceIndex d) override {
    count("memory_info");
    return {g_arena[d].capacity - g_arena[d].used, g_arena[d].capacity};
  }
};
static Allocator g_allocator;
REGISTER_ALLOCATOR(kSim, &g_allocator);

static std::map<char*, size_t> g_pinned;
static void unpin(void* p) { g_pinned.erase((char*)p); free(p); }
struct PinnedAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t n) override {
    void* p = nullptr; TORCH_CHECK(posix_memalign(&p, 64, std::max<size_t>(n, 64)) == 0, "pinned");
    memset(p, 0xFF, n);
    g_pinned[(char*)p] = n; ++g_counts.n["pinned"];
    return {p, p, &unpin, c10::DeviceType::CPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &unpin; }
  void copy_data(void* d, const void* s, size_t n) const override { memcpy(d, s, n); }
};
static PinnedAllocator g_pinned_allocator;
static bool is_pinned(const void* p) {
  auto it = g_pinned.upper_bound((char*)p);
  if (it == g_pinned.begin()) return false;
  --it; return (char*)p < it->first + it->second;
}

// ---------------------------------------------------------------- streams and events: copies to the host wait until asked for
struct Stream { std::deque<std::function<void()>> queue; uint64_t sent = 0, done = 0; bool held = true; uint64_t lag = 0; };
static Stream g_stream[kDevices];
static void drain(int d, uint64_t until) {
  auto& s = g_stream[d];
  while (s.done < until && !s.queue.empty()) { auto f = std::move(s.queue.front()); s.queue.pop_front(); f(); ++s.done; }
}
static void send(int d, std::function<void()> f) { g_stream[d].queue.push_back(std::move(f)); ++g_stream[d].sent; }
struct Event { int device = 0; uint64_t at = 0; };

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kSim; }
  c10::Device exchangeDevice(c10::Device d) const override { auto old = t_device; setDevice(d); return {kSim, (c10::DeviceIndex)old}; }
  c10::Device getDevice() const override { return {kSim, (c10::DeviceIndex)t_device}; }
  void setDevice(c10::Device d) const override {
    if (d.index() < 0) return;
    TORCH_CHECK(d.index() < kDevices, "sim: invalid device ordinal ", int(d.index()));
    t_device = d.index();
  }
  void uncheckedSetDevice(c10::Device d) const noexcept override { if (d.index() >= 0) t_device = d.index(); }
  c10::Stream getStream(c10::Device d) const override { return c10::Stream(c10::Stream::DEFAULT, c10::Device(kSim, d.index() < 0 ? (c10::DeviceIndex)t_device : d.index())); }
  c10::Stream getDefaultStream(c10::Device d) const override { return getStream(d); }
  c10::Stream getNewStream(c10::Device d, int) const override { return getStream(d); }
  c10::Stream exchangeStream(c10::Stream s) const override { return s; }
  c10::DeviceIndex deviceCount() const noexcept override { return kDevices; }
  void record(void** event, const c10::Stream& s, const c10::DeviceIndex i, const c10::EventFlag) const override {
    TORCH_CHECK(i == -1 || i == s.device_index(), "event of device ", int(i), " recorded on a stream of device ", int(s.device_index()));
    if (!*event) *event = new Event;
    auto* e = (Event*)*event; e->device = s.device_index(); e->at = g_stream[e->device].sent; count("event.record");
  }
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void* event) const override { count("event.query"); if (!event) return true; auto* e = (Event*)event; return g_stream[e->device].done >= e->at; }
  void synchronizeEvent(void* event) const override {
    if (!event) return; auto* e = (Event*)event;
    if (g_stream[e->device].done < e->at) count("wait.event");
    drain(e->device, e->at);
  }
  void destroyEvent(void* event, const c10::DeviceIndex) const noexcept override { delete (Event*)event; }
  bool queryStream(const c10::Stream& s) const override { return g_stream[s.device_index()].queue.empty(); }
  void synchronizeStream(const c10::Stream& s) const override { wait_counted("stream"); drain(s.device_index(), UINT64_MAX); }
  void synchronizeDevice(const c10::DeviceIndex d) const override { wait_counted("device"); drain(d, UINT64_MAX); }
  void recordDataPtrOnStream(const c10::DataPtr&, const c10::Stream&) const override {}
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

// ---------------------------------------------------------------- random numbers
struct GeneratorImpl final : at::CPUGeneratorImpl {
  explicit GeneratorImpl(c10::DeviceIndex i) {
    device_ = c10::Device(kSim, i); key_set_ = c10::DispatchKeySet(c10::DispatchKey::PrivateUse1);
  }
};
static at::Generator& default_generator(int i) {
  static std::vector<at::Generator> all = [] {
    std::vector<at::Generator> v;
    for (int d = 0; d < kDevices; ++d) v.push_back(at::make_generator<GeneratorImpl>((c10::DeviceIndex)d));
    return v;
  }();
  return all.at(i < 0 ? t_device : i);
}

// ---------------------------------------------------------------- hooks
struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return g_started; }
  void init() const override { start(); }
  c10::DeviceIndex deviceCount() const override { return kDevices; }
  void setCurrentDevice(c10::DeviceIndex d) const override { Guard().setDevice({kSim, d}); }
  c10::DeviceIndex getCurrentDevice() const override { return t_device; }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex d) const override { auto o = t_device; setCurrentDevice(d); return o; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex d) const override { return exchangeDevice(d); }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex i) const override { return default_generator(i); }
  at::Generator getNewGenerator(c10::DeviceIndex i) const override { return at::make_generator<GeneratorImpl>(i < 0 ? (c10::DeviceIndex)t_device : i); }
  bool isPinnedPtr(const void* p) const override { return is_pinned(p); }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &g_pinned_allocator; }
  c10::Device getDeviceFromPtr(void* p) const override {
    for (int d = 0; d < kDevices; ++d) if ((char*)p >= g_arena[d].device && (char*)p < g_arena[d].device + kArena) return {kSim, (c10::DeviceIndex)d};
    TORCH_CHECK(false, "not a device pointer");
  }
  void resizePrivateUse1Bytes(const c10::Storage& storage, size_t n) const override {
    auto* s = storage.unsafeGetStorageImpl();
    c10::DeviceGuard guard(storage.device());
    auto fresh = g_allocator.allocate(n);
    size_t both = std::min(n, s->nbytes());
    if (both) memcpy(host_of(fresh.get()), host_of(s->data()), both);
    s->set_data_ptr_noswap(std::move(fresh)); s->set_nbytes(n);
  }
};

// ---------------------------------------------------------------- kernels
static at::Tensor bytes_as_seen(const at::Tensor& t) {   // the same bytes, as the device sees them
  if (t.device().type() != kSim) return t;
  auto options = t.options().device(at::kCPU).pinned_memory(false).requires_grad(false);
  if (t.numel() == 0) return at::empty_strided(t.sizes(), t.strides(), options);
  return at::from_blob(host_of(t.data_ptr()), t.sizes(), t.strides(), options);
}
static at::Tensor empty(c10::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>, std::optional<at::Device> device, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  c10::DeviceGuard guard(c10::device_or_default(device));
  return at::detail::empty_generic(size, &g_allocator, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), c10::dtype_or_default(dtype), format);
}
static at::Tensor empty_strided(c10::IntArrayRef size, c10::IntArrayRef stride, std::optional<at::ScalarType> dtype, std::optional<at::Layout>, std::optional<at::Device> device, std::optional<bool>) {
  c10::DeviceGuard guard(c10::device_or_default(device));
  return at::detail::empty_strided_generic(size, stride, &g_allocator, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), c10::dtype_or_default(dtype));
}
static at::Tensor copy_from(const at::Tensor& self, const at::Tensor& dst, bool non_blocking) {
  if (self.numel() == 0) return dst;
  bool from = self.device().type() == kSim, to = dst.device().type() == kSim;
  if (from && !to && !t_internal) {
    bool late = non_blocking && is_pinned(dst.data_ptr());
    if (late) {
      count("copy.to_host.late");
      auto snapshot = bytes_as_seen(self).clone();
      auto target = dst;
      send(self.device().index(), [snapshot, target]() mutable { c10::InferenceMode mode; target.detach().copy_(snapshot); });
      return dst;
    }
    wait_counted("copy.to_host");
    drain(self.device().index(), UINT64_MAX);
  } else if (!from && to && !t_internal) {
    // a pageable source is staged before the call returns, so only a blocking copy waits
    if (!non_blocking) wait_counted("copy.to_device"); else count("copy.to_device.async");
  } else if (!t_internal) {
    count(self.device() == dst.device() ? "copy.on_device" : "copy.between_devices");
  }
  Internal internal;
  at::NoGradGuard no_grad;
  bytes_as_seen(dst).copy_(bytes_as_seen(self));
  return dst;
}
static at::Tensor copy_from_and_resize(const at::Tensor& self, const at::Tensor& dst) {
  at::native::resize_(dst, self.sizes(), std::nullopt);
  return copy_from(self, dst, false);
}
static at::Scalar local_scalar_dense(const at::Tensor& self) {
  wait_counted("item");
  drain(self.device().index(), UINT64_MAX);
  return at::_local_scalar_dense(bytes_as_seen(self));
}
static at::Tensor& set_storage_offset(at::Tensor& self, at::Storage s, int64_t o, c10::IntArrayRef size, c10::IntArrayRef stride) {
  return at::native::set_storage_cpu_(self, std::move(s), o, size, stride);
}
static at::Tensor view_(const at::Tensor& self, c10::IntArrayRef size) { return at::native::view(self, size); }
static const at::Tensor& resize_(const at::Tensor& self, c10::SymIntArrayRef size, std::optional<at::MemoryFormat> f) {
  return at::native::resize_(self, C10_AS_INTARRAYREF_SLOW(size), f);
}

static at::Generator inner_of(const at::Tensor& t, const std::optional<at::Generator>& g) {   // a CPU generator where the device's stands
  const auto& mine = g.has_value() && g->defined() ? *g : default_generator(t.device().index());
  TORCH_CHECK(mine.device().type() == kSim, "Expected a 'sim' generator but found ", mine.device());
  auto inner = at::detail::createCPUGenerator();
  inner.set_state(mine.get_state());
  return inner;
}
static void settle(const at::Tensor& t, const std::optional<at::Generator>& g, const at::Generator& inner) {
  auto mine = g.has_value() && g->defined() ? *g : default_generator(t.device().index());
  mine.set_state(inner.get_state());
}
template <typename F> static at::Tensor& random_op(at::Tensor& self, const std::optional<at::Generator>& g, const char* name, F f) {
  count(name);
  Internal internal; at::NoGradGuard no_grad; at::AutoDispatchBelowADInplaceOrView below;
  auto inner = inner_of(self, g); auto a = bytes_as_seen(self); f(a, inner); settle(self, g, inner);
  return self;
}
using G = std::optional<at::Generator>;
static at::Tensor& bernoulli_(at::Tensor& s, double p, G g) { return random_op(s, g, "random", [&](auto& a, auto& i) { a.bernoulli_(p, i); }); }
static at::Tensor& normal_(at::Tensor& s, double m, double d, G g) { return random_op(s, g, "random", [&](auto& a, auto& i) { a.normal_(m, d, i); }); }
static at::Tensor& uniform_(at::Tensor& s, double m, double d, G g) { return random_op(s, g, "random", [&](auto& a, auto& i) { a.uniform_(m, d, i); }); }
static at::Tensor& random_from(at::Tensor& s, int64_t f, std::optional<int64_t> t, G g) { return random_op(s, g, "random", [&](auto& a, auto& i) { a.random_(f, t, i); }); }
static at::Tensor& random_to(at::Tensor& s, int64_t t, G g) { return random_op(s, g, "random", [&](auto& a, auto& i) { a.random_(t, i); }); }
static at::Tensor& random_(at::Tensor& s, G g) { return random_op(s, g, "random", [&](auto& a, auto& i) { a.random_(i); }); }
static std::tuple<at::Tensor, at::Tensor> native_dropout(const at::Tensor& x, double p, std::optional<bool> train) {
  if (train.has_value() && !*train) return {x.clone(), at::ones_like(x, x.options().dtype(at::kBool))};
  auto keep = at::empty_like(x); bernoulli_(keep, 1 - p, std::nullopt);
  return {x * keep * (p < 1 ? 1 / (1 - p) : 0.0), keep.to(at::kBool)};
}

static std::tuple<at::Tensor, at::Tensor, at::Tensor> native_batch_norm(const at::Tensor& x, const std::optional<at::Tensor>& w, const std::optional<at::Tensor>& b, const std::optional<at::Tensor>& mean, const std::optional<at::Tensor>& var, bool training, double momentum, double eps) {
  count("op.aten::native_batch_norm");
  Internal internal;
  auto seen = [](const std::optional<at::Tensor>& t) { return t.has_value() && t->defined() ? std::optional<at::Tensor>(bytes_as_seen(*t)) : std::optional<at::Tensor>(); };
  auto [y, m, v] = at::native_batch_norm(bytes_as_seen(x), seen(w), seen(b), seen(mean), seen(var), training, momentum, eps);
  return {y.to(x.device()), m.to(x.device()), v.to(x.device())};
}

static const std::set<std::string> kWaitsElsewhere = {"aten::nonzero", "aten::equal", "aten::masked_select", "aten::unique_dim", "aten::_unique2", "aten::is_nonzero", "aten::bincount"};
static void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  auto name = op.schema().name();
  count("op." + name);
  if (kWaitsElsewhere.count(name)) wait_counted(name);
  Internal internal;
  at::native::cpu_fallback(op, stack);
}

static bool t_autocast = (at::RegisterPrivateUse1HooksInterface(new Hooks), true);
}  // namespace sim

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", TORCH_FN(sim::empty));
  m.impl("empty_strided", TORCH_FN(sim::empty_strided));
  m.impl("as_strided", TORCH_FN(at::native::as_strided_tensorimpl));
  m.impl("view", TORCH_FN(sim::view_));
  m.impl("_reshape_alias", TORCH_FN(at::native::_reshape_alias));
  m.impl("resize_", TORCH_FN(sim::resize_));
  m.impl("_copy_from", TORCH_FN(sim::copy_from));
  m.impl("_copy_from_and_resize", TORCH_FN(sim::copy_from_and_resize));
  m.impl("_local_scalar_dense", TORCH_FN(sim::local_scalar_dense));
  m.impl("set_.source_Tensor", TORCH_FN(at::native::set_tensor_));
  m.impl("set_.source_Storage", TORCH_FN(at::native::set_));
  m.impl("set_.source_Storage_storage_offset", TORCH_FN(sim::set_storage_offset));
  m.impl("bernoulli_.float", TORCH_FN(sim::bernoulli_));
  m.impl("normal_", TORCH_FN(sim::normal_));
  m.impl("uniform_", TORCH_FN(sim::uniform_));
  m.impl("random_.from", TORCH_FN(sim::random_from));
  m.impl("random_.to", TORCH_FN(sim::random_to));
  m.impl("random_", TORCH_FN(sim::random_));
  m.impl("native_batch_norm", TORCH_FN(sim::native_batch_norm));
  m.impl("native_dropout", TORCH_FN(sim::native_dropout));
}
TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&sim::fallback>()); }
TORCH_LIBRARY_IMPL(_, AutocastPrivateUse1, m) { m.fallback(torch::CppFunction::makeFallthrough()); }
TORCH_LIBRARY_IMPL(aten, AutocastPrivateUse1, m) {
  KERNEL_PRIVATEUSEONE(mm, lower_precision_fp)
  KERNEL_PRIVATEUSEONE(linear, lower_precision_fp)
  KERNEL_PRIVATEUSEONE(addmm, lower_precision_fp)
  KERNEL_PRIVATEUSEONE(matmul, lower_precision_fp)
  KERNEL_PRIVATEUSEONE(conv2d, lower_precision_fp)
  KERNEL_PRIVATEUSEONE(mse_loss, fp32)
  KERNEL_PRIVATEUSEONE(cross_entropy_loss, fp32)
  KERNEL_PRIVATEUSEONE(nll_loss, fp32)
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("init", &sim::start);
  m.def("is_initialized", [] { return sim::g_started; });
  m.def("device_count", [] { return sim::kDevices; });
  m.def("current_device", [] { return sim::t_device; });
  m.def("set_device", [](int d) { sim::Guard().setDevice({sim::kSim, (c10::DeviceIndex)d}); });
  m.def("default_generator", [](int d) { return sim::default_generator(d); });
  m.def("counts", [] { return sim::g_counts.n; });
  m.def("reset_counts", [] { sim::g_counts.n.clear(); });
  m.def("refuse_sync", [](bool on) { sim::g_refuse_sync = on; });
  m.def("set_capacity", [](int d, size_t n) { sim::g_arena[d].capacity = n; });
  m.def("used", [](int d) { return sim::g_arena[d].used; });
  m.def("peak", [](int d) { return sim::g_arena[d].peak; });
  m.def("arena", [] { return sim::kArena; });
  m.def("advance", [](int d, uint64_t n) { sim::drain(d, sim::g_stream[d].done + n); });
  m.def("pending", [](int d) { return sim::g_stream[d].queue.size(); });
}
