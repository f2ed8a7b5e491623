// The level of AVX-VNNI on processors that lack it, and on QEMU, which lacks it too: its one new
// instruction traps as an illegal one, and a handler of the signal does what the instruction says.
// Where the processor has it, no handler is installed.
#include <cstdio>

#include "simd_fixture.h"

#if defined(JVDB_X86_64) && defined(__linux__)
#include <cpuid.h>
#include <immintrin.h>
#include <signal.h>
#include <sys/ucontext.h>

#include <atomic>
#include <cstring>

#include "base/cpu.h"

namespace jvdb::test {
namespace {

std::atomic<std::uint64_t> emulated{0};  // instructions

// What the kernel saved of the vector registers, to be restored as it then is: the layout of XSAVE
// ("Intel 64 and IA-32 Architectures Software Developer's Manual", volume 1, §13.4).
class SavedVectors {
 public:
  explicit SavedVectors(void* area) : area_(static_cast<unsigned char*>(area)) {
    std::uint32_t size = 0;
    std::uint32_t unused = 0;
    __cpuid_count(0xD, 2, size, upper_halves_, unused, unused);
  }
  // Linux says so in what FXSAVE leaves free; QEMU has it not.
  bool complete() const {
    std::uint32_t magic;
    std::memcpy(&magic, area_ + 464, sizeof magic);
    return magic == FP_XSTATE_MAGIC1 && upper_halves_ != 0;
  }
  // Upper halves that are all 0 may not be saved.
  void load(unsigned number, unsigned char (&to)[32]) const {
    std::memcpy(to, lower_half(number), 16);
    if ((present() & kUpperHalves) != 0)
      std::memcpy(to + 16, upper_half(number), 16);
    else
      std::memset(to + 16, 0, 16);
  }
  void store(unsigned number, const unsigned char (&from)[32]) {
    if ((present() & kUpperHalves) == 0) std::memset(upper_half(0), 0, 16 * 16);
    std::memcpy(lower_half(number), from, 16);
    std::memcpy(upper_half(number), from + 16, 16);
    const std::uint64_t now = present() | kLowerHalves | kUpperHalves;
    std::memcpy(area_ + kPresent, &now, sizeof now);
  }

 private:
  static constexpr std::size_t kPresent = 512;  // the first word of the header
  static constexpr std::uint64_t kLowerHalves = 2;
  static constexpr std::uint64_t kUpperHalves = 4;

  std::uint64_t present() const {
    std::uint64_t out;
    std::memcpy(&out, area_ + kPresent, sizeof out);
    return out;
  }
  unsigned char* lower_half(unsigned number) const { return area_ + 160 + 16 * number; }
  unsigned char* upper_half(unsigned number) const { return area_ + upper_halves_ + 16 * number; }

  unsigned char* area_;
  std::uint32_t upper_halves_ = 0;
};

std::uint64_t general(const greg_t* registers, unsigned number) {
  constexpr int by_number[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                               REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                               REG_R12, REG_R13, REG_R14, REG_R15};
  return static_cast<std::uint64_t>(registers[by_number[number]]);
}

// VPDPBUSD ymm, ymm, ymm/m256: VEX.256.66.0F38.W0 50 /r (volume 2, "VPDPBUSD" and §2.3).
struct Instruction {
  bool known = false;
  unsigned sum = 0;  // a register, and one of the unsigned factors
  unsigned bytes = 0;
  bool in_memory = false;     // the signed factors
  unsigned factors = 0;       // their register,
  std::uint64_t address = 0;  // or where they are
  std::size_t size = 0;

  Instruction(const unsigned char* at, const greg_t* registers) {
    if (at[0] != 0xC4 || (at[1] & 0x1F) != 2 || (at[2] & 0x87) != 0x05 || at[3] != 0x50) return;
    known = true;
    const unsigned mode = at[4] >> 6;
    sum = (at[4] >> 3 & 7U) | ((at[1] & 0x80) == 0 ? 8U : 0U);
    bytes = ~(at[2] >> 3) & 15U;
    const unsigned high_base = (at[1] & 0x20) == 0 ? 8 : 0;
    const unsigned high_index = (at[1] & 0x40) == 0 ? 8 : 0;
    unsigned base = at[4] & 7U;
    size = 5;
    if (mode == 3) {
      factors = base | high_base;
      return;
    }
    in_memory = true;
    const bool relative = mode == 0 && base == 5;
    if (base == 4) {
      const unsigned char scaled = at[size++];
      base = scaled & 7U;
      const unsigned index = (scaled >> 3 & 7U) | high_index;
      if (index != 4) address += general(registers, index) << (scaled >> 6);
    }
    const bool without_base = mode == 0 && base == 5;
    if (!without_base) address += general(registers, base | high_base);
    if (mode == 1) {
      address += static_cast<std::uint64_t>(static_cast<signed char>(at[size++]));
    } else if (mode == 2 || without_base) {
      std::int32_t displacement;
      std::memcpy(&displacement, at + size, sizeof displacement);
      address += static_cast<std::uint64_t>(std::int64_t{displacement});
      size += sizeof displacement;
    }
    if (relative) address += reinterpret_cast<std::uint64_t>(at) + size;
  }
};

void add_products(unsigned char (&sum)[32], const unsigned char (&bytes)[32],
                  const unsigned char (&factors)[32]) {
  for (std::size_t lane = 0; lane < 32; lane += 4) {
    std::uint32_t total;
    std::memcpy(&total, sum + lane, sizeof total);
    for (std::size_t i = lane; i < lane + 4; ++i)
      total +=
          static_cast<std::uint32_t>(int{bytes[i]} * int{static_cast<signed char>(factors[i])});
    std::memcpy(sum + lane, &total, sizeof total);
  }
}

void emulate(int signal, siginfo_t*, void* context) {
  auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
  const auto* at = reinterpret_cast<const unsigned char*>(machine.gregs[REG_RIP]);
  const Instruction instruction(at, machine.gregs);
  SavedVectors vectors(machine.fpregs);
  if (!instruction.known || !vectors.complete()) {
    ::signal(signal, SIG_DFL);  // it traps again, and ends the program
    return;
  }
  unsigned char sum[32];
  unsigned char bytes[32];
  unsigned char factors[32];
  vectors.load(instruction.sum, sum);
  vectors.load(instruction.bytes, bytes);
  if (instruction.in_memory)
    std::memcpy(factors, reinterpret_cast<const void*>(instruction.address), sizeof factors);
  else
    vectors.load(instruction.factors, factors);
  add_products(sum, bytes, factors);
  vectors.store(instruction.sum, sum);
  machine.gregs[REG_RIP] += static_cast<greg_t>(instruction.size);
  emulated.fetch_add(1, std::memory_order_relaxed);
}

// As long as this lives the instruction can be used, if the processor has AVX2 at least.
class Vnni {
 public:
  Vnni() {
    if (has_avx_vnni()) return;
    struct sigaction action{};
    action.sa_sigaction = emulate;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, &before_);
  }
  ~Vnni() {
    if (!has_avx_vnni()) sigaction(SIGILL, &before_, nullptr);
  }
  Vnni(const Vnni&) = delete;
  Vnni& operator=(const Vnni&) = delete;

  void expect_used() const { expect(has_avx_vnni() || emulated > began_, "nothing was emulated"); }

 private:
  struct sigaction before_{};
  std::uint64_t began_ = emulated;
};

bool without_avx2() {
  if (!has_avx2_and_fma()) std::puts("skipped: avxvnni_test, as this processor has no AVX2");
  return !has_avx2_and_fma();
}

struct Operation {
  alignas(32) unsigned char sum[32], bytes[32], factors[32];

  explicit Operation(std::uint64_t seed) {
    const Vector random = vector_of(96, seed);
    const auto byte = [&](std::size_t i) {
      return static_cast<unsigned char>(std::lrintf(127.5F + random[i] * 127.5F));
    };
    for (std::size_t i = 0; i < 32; ++i) {
      sum[i] = byte(i);
      bytes[i] = byte(32 + i);
      factors[i] = byte(64 + i);
    }
  }
};

alignas(32) unsigned char static_factors[32];

// A function of the one instruction, in an encoding, its factors as `setup` makes `operand` them.
#define JVDB_FORM(encoding, sum_register, bytes_register, setup, operand)                       \
  [](const Operation& of, unsigned char* out) {                                                 \
    std::memcpy(static_factors, of.factors, sizeof static_factors);                             \
    asm volatile("vmovdqa (%[sum]), %%" sum_register "\n vmovdqa (%[bytes]), %%" bytes_register \
                 "\n" setup "\n" encoding " vpdpbusd " operand ", %%" bytes_register            \
                 ", %%" sum_register "\n vmovdqu %%" sum_register ", (%[out])\n vzeroupper"     \
                 :                                                                              \
                 : [sum] "r"(of.sum), [bytes] "r"(of.bytes), [factors] "r"(of.factors),         \
                   [out] "r"(out), [fixed] "m"(static_factors)                                  \
                 : "memory", "cc", "rax", "rcx", "r11", "r12", "r13", "xmm0", "xmm1", "xmm2",   \
                   "xmm3", "xmm8", "xmm9", "xmm10", "xmm15");                                   \
  }

using Form = void (*)(const Operation&, unsigned char*);

// Every way to name an operand.
const Form kForms[] = {
    JVDB_FORM("%{vex%}", "ymm1", "ymm2", "vmovdqa (%[factors]), %%ymm3", "%%ymm3"),
    JVDB_FORM("%{vex%}", "ymm9", "ymm15", "vmovdqa (%[factors]), %%ymm10", "%%ymm10"),
    JVDB_FORM("%{vex%}", "ymm0", "ymm8", "mov %[factors], %%rax", "(%%rax)"),
    JVDB_FORM("%{vex%}", "ymm0", "ymm8", "mov %[factors], %%r12", "(%%r12)"),
    JVDB_FORM("%{vex%}", "ymm8", "ymm0", "mov %[factors], %%r13", "(%%r13)"),
    JVDB_FORM("%{vex%}", "ymm8", "ymm0", "lea 96(%[factors]), %%r13", "-96(%%r13)"),
    JVDB_FORM("%{vex%}", "ymm8", "ymm0", "lea -4096(%[factors]), %%rax", "4096(%%rax)"),
    JVDB_FORM("%{vex%}", "ymm1", "ymm2", "mov $-64, %%rcx\n lea 256(%[factors]), %%rax",
              "(%%rax,%%rcx,4)"),
    JVDB_FORM("%{vex%}", "ymm1", "ymm2", "mov $2, %%r11\n lea -48(%[factors]), %%r12",
              "32(%%r12,%%r11,8)"),
    JVDB_FORM("%{vex%}", "ymm1", "ymm2", "lea 512(%[factors]), %%rcx\n shr $1, %%rcx",
              "-512(,%%rcx,2)"),
    JVDB_FORM("%{vex%}", "ymm3", "ymm9", "", "%[fixed]"),
};
const Form kAvx512Form = JVDB_FORM("%{evex%}", "ymm1", "ymm2", "", "(%[factors])");

const Test kEmulation("avxvnni_test", "every form of the instruction does what AVX-512's does", [] {
  if (without_avx2()) return;
  const Vnni vnni;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Operation operation(seed);
    unsigned char expected[32];
    std::memcpy(expected, operation.sum, sizeof expected);
    add_products(expected, operation.bytes, operation.factors);
    const auto expect_from = [&](Form form) {
      unsigned char found[32];
      form(operation, found);
      expect(std::memcmp(found, expected, sizeof found) == 0);
    };
    if (has_avx512_vnni()) expect_from(kAvx512Form);
    for (const Form form : kForms) expect_from(form);
  }
  vnni.expect_used();
});

// Fewer dimensions than simd_scan_test has, for each trap takes its time.
const Test kVnniCodes("avxvnni_test", "products of codes are exact with AVX-VNNI", [] {
  if (without_avx2()) return;
  const Vnni vnni;
  const simd::Kernels& level = *simd::avxvnni();
  for (std::size_t pattern = 0; pattern < kPatterns; ++pattern) {
    for (const std::size_t n : {1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 191, 257, 300, 768})
      expect_exact_codes(level, n, {5, 6}, pattern);
    expect_exact_codes(level, 4096, {2, 5}, pattern);
  }
  for (const std::size_t pattern : {0, 1}) expect_exact_codes(level, 65536, {2, 5}, pattern);
  vnni.expect_used();
});

}  // namespace
}  // namespace jvdb::test

#else

namespace jvdb::test {
namespace {

const Test kSkipped("avxvnni_test", "AVX-VNNI needs Linux on x86-64",
                    [] { std::puts("skipped: avxvnni_test, which needs Linux on x86-64"); });

}  // namespace
}  // namespace jvdb::test

#endif
