using VmiPl.TestGuests;

namespace VmiPl.Tests.Guests;

/// <summary>Skips a test, with what is missing in words, where no test guest can be made.</summary>
internal static class GuestFacts
{
    public static void Need(GuestKernel kernel)
    {
        var missing = GuestRequirements.Missing(kernel);
        Assert.SkipWhen(missing.Count > 0, "No test guest here without " + string.Join("; ", missing));
    }

    public static async Task<GuestLoan> BorrowAsync(GuestOptions options)
    {
        Need(options.Kernel);
        return await GuestPool.GetAsync(options, TestContext.Current.CancellationToken);
    }
}
